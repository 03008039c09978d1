import type { Refusal } from '../messages/messages.js';

const TITLE = 'This page was locked';
const WHAT =
  'A program in your browser checks every file of this site before it is used. That program was replaced by one that the site’s signers have not signed. What this page shows and does from now on could not be trusted.';
const ADVICE = [
  'Do not enter passwords or other secrets on this site.',
  'Close this tab, and every other tab of this site.',
  'Tell the people who run this site, by another way than this site, and send them the details below.',
];

const STYLE = `
:host { all: initial; display: block; min-height: 100vh; color-scheme: light dark; background: Canvas; color: CanvasText; }
[role] { max-width: 36rem; margin: 0 auto; padding: 12vh 1.25rem 3rem; font: 1rem/1.5 system-ui, sans-serif; outline: none; }
h1 { margin: 0; padding-top: 1rem; border-top: .5rem solid light-dark(#b3261e, #ff8a80); font-size: 1.6rem; line-height: 1.2; }
li { margin: .25rem 0; }
h2 { margin: 2rem 0 .5rem; font-size: 1rem; }
dl { margin: 0; font-size: .875rem; }
dt { font-weight: 600; }
dd { margin: 0 0 .5rem; overflow-wrap: anywhere; font-family: ui-monospace, monospace; }
`;

/** What a person can do to a page. Not the wheel or the touch that scrolls it. */
const INPUT = [
  'click',
  'dblclick',
  'pointerdown',
  'mousedown',
  'keydown',
  'keyup',
  'beforeinput',
  'input',
  'submit',
  'paste',
  'drop',
];

/**
 * Replaces the page by a screen that says that it was locked, and why. Works under a strict Content-Security-Policy and Trusted Types.
 *
 * It takes the page away from the person: what was in it is gone, and input goes nowhere. It does not stop the page's scripts, which no
 * script can do to another: they go on running, may send what they hold, and one that wants to can remove this screen. They are the signed
 * ones; what the new worker would hand out comes only with what is loaded from now on.
 *
 * @param refusal why
 */
export function lockPage({ code, message, facts }: Refusal): void {
  const root = document.documentElement;
  window.stop();
  for (const type of INPUT) window.addEventListener(type, (event) => event.stopImmediatePropagation(), { capture: true });
  for (const { name } of [...root.attributes]) root.removeAttribute(name);
  root.lang = 'en';
  document.adoptedStyleSheets = [];

  const head = document.createElement('head');
  head.append(textElement('title', TITLE));
  const viewport = Object.assign(document.createElement('meta'), { name: 'viewport', content: 'width=device-width' });
  head.append(viewport);

  const body = document.createElement('body');
  body.style.margin = '0';
  // What the page's timers still append to the body has no place in a shadow tree without a slot.
  const shadow = body.attachShadow({ mode: 'open' });
  // A constructed sheet: no Content-Security-Policy takes it for inline style.
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(STYLE);
  shadow.adoptedStyleSheets = [sheet];

  const screen = document.createElement('div');
  screen.tabIndex = -1;
  screen.setAttribute('role', 'alertdialog');
  screen.setAttribute('aria-modal', 'true');
  screen.setAttribute('aria-labelledby', 'title');
  screen.setAttribute('aria-describedby', 'what');
  const title = Object.assign(textElement('h1', TITLE), { id: 'title' });
  const what = Object.assign(textElement('p', WHAT), { id: 'what' });
  const advice = document.createElement('ul');
  advice.append(...ADVICE.map((line) => textElement('li', line)));
  const details = document.createElement('dl');
  const rows = { reason: code, what: message, ...facts, page: location.href, time: new Date().toISOString() };
  for (const [name, value] of Object.entries(rows)) details.append(textElement('dt', name), textElement('dd', String(value)));
  screen.append(title, what, advice, textElement('h2', 'Details'), details);
  shadow.append(screen);

  root.replaceChildren(head, body);
  screen.focus();
}

function textElement<Name extends keyof HTMLElementTagNameMap>(name: Name, text: string): HTMLElementTagNameMap[Name] {
  const element = document.createElement(name);
  element.textContent = text;
  return element;
}
