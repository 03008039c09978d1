self.vouchsafe={"roots":["{\"signatures\":[{\"keyid\":\"f6709c88c4eaead81e27dca0de9d9f4ac149f2f25a97a0aaaa7779348bf2703d\",\"sig\":\"d417643c1e9c1bcec3fa4cb7dfc12e8de02e59101f042c3e3c50b9f9c5170387fc607cc7066880ff203a885bf254145d88d6989f2285c8020de247ef465cef08\"}],\"signed\":{\"_type\":\"root\",\"consistent_snapshot\":true,\"expires\":\"2126-10-29T23:26:33Z\",\"keys\":{\"3f027727c11ee4507f83d08e9388db581d5deb350103baee464636a0848e6629\":{\"keytype\":\"ed25519\",\"keyval\":{\"public\":\"d2b2df3ff6d949755f87ac21df00f65da873763fb6e3ed11217132829ee92bd1\"},\"scheme\":\"ed25519\"},\"739a18a0a0839c2744d0472966427b3331125946a9ffb8208f23d4a7f09b5dc7\":{\"keytype\":\"ed25519\",\"keyval\":{\"public\":\"bf8f81f9f454ddec6c3fd47ef1d818985622aafee73838653c936a33b7d130a1\"},\"scheme\":\"ed25519\"},\"c342616ee60bd8d265b2be53b67ceddfb5259f865b036b61b5ad85ccde00a2c0\":{\"keytype\":\"ed25519\",\"keyval\":{\"public\":\"dd892c9f80d4ef46c21b2ce700437dadb25c0717e650532fa6952110d23222ef\"},\"scheme\":\"ed25519\"},\"f6709c88c4eaead81e27dca0de9d9f4ac149f2f25a97a0aaaa7779348bf2703d\":{\"keytype\":\"ed25519\",\"keyval\":{\"public\":\"f9f457670cf7fc6ceb9100fd1db8a1accf45770bd27226f782fa40db594b6cf2\"},\"scheme\":\"ed25519\"}},\"roles\":{\"root\":{\"keyids\":[\"f6709c88c4eaead81e27dca0de9d9f4ac149f2f25a97a0aaaa7779348bf2703d\"],\"threshold\":1},\"snapshot\":{\"keyids\":[\"3f027727c11ee4507f83d08e9388db581d5deb350103baee464636a0848e6629\"],\"threshold\":1},\"targets\":{\"keyids\":[\"c342616ee60bd8d265b2be53b67ceddfb5259f865b036b61b5ad85ccde00a2c0\"],\"threshold\":1},\"timestamp\":{\"keyids\":[\"739a18a0a0839c2744d0472966427b3331125946a9ffb8208f23d4a7f09b5dc7\"],\"threshold\":1}},\"spec_version\":\"1.0.34\",\"version\":1}}"],"metadata":"vouchsafe/metadata/","targets":"vouchsafe/targets/","passthrough":[]};
(function () {
  var e = `vouchsafe-ed25519.js`,
    t = Array.from({ length: 256 }, (e, t) => t.toString(16).padStart(2, `0`));
  function n(e) {
    let n = ``;
    for (const r of e) n += t[r];
    return n;
  }
  function r(e, t) {
    if (i(e, t)) return Uint8Array.from({ length: t }, (t, n) => Number.parseInt(e.slice(2 * n, 2 * n + 2), 16));
  }
  function i(e, t) {
    return e.length === 2 * t && /^(?:[0-9a-f]{2})*$/.test(e);
  }
  function a(e) {
    return BigInt(`0x0${n(e.slice().reverse())}`);
  }
  var o = 2n ** 255n - 19n,
    s = 2n ** 252n + 27742317777372353535851937790883648493n,
    c = 55188659117513257062467267217118295137698188065244968500265048394206261417927n,
    l = Uint8Array.of(88, ...new Uint8Array(31).fill(102));
  function u(e) {
    const t = te(e);
    return e.length === 32 && t > 1n && t < o - 1n && t !== c && t !== o - c;
  }
  async function d(e, t, n) {
    if (!u(e) || !ee(t)) return !1;
    try {
      return await p(e, t, n);
    } catch (r) {
      if (!(await f())) return re(e, t, n);
      if (r.name === `DataError`) return !1;
      throw r;
    }
  }
  async function f() {
    try {
      return (await m(l), !0);
    } catch {
      return !1;
    }
  }
  async function p(e, t, n) {
    return crypto.subtle.verify(`Ed25519`, await m(e), t, n);
  }
  function m(e) {
    return crypto.subtle.importKey(`raw`, e, `Ed25519`, !1, [`verify`]);
  }
  function ee(e) {
    return e.length === 64 && a(e.subarray(32)) < s && te(e.subarray(0, 32)) < o;
  }
  function te(e) {
    return a(e) & ((1n << 255n) - 1n);
  }
  async function ne() {
    (await f()) || ie();
  }
  var re = async (...e) => ie().verifyWithNoble(...e);
  function ie() {
    if ((self.vouchsafeEd25519 || importScripts(e), !self.vouchsafeEd25519)) throw TypeError(`${e} is another script.`);
    return self.vouchsafeEd25519;
  }
  try {
    self[`workbox:core:7.4.0`] && _();
  } catch {}
  function ae() {
    self.addEventListener(`activate`, () => self.clients.claim());
  }
  var h = (e, t) => t.some((t) => e instanceof t),
    oe,
    se;
  function ce() {
    return (oe ||= [IDBIndex, IDBObjectStore, IDBCursor, IDBDatabase, IDBTransaction]);
  }
  function le() {
    return (se ||= [`advance`, `continue`, `continuePrimaryKey`].map((e) => IDBCursor.prototype[e]));
  }
  var g = new WeakMap(),
    v = new WeakMap(),
    y = new WeakMap();
  function ue(e) {
    const t = new Promise((t, n) => {
      const r = () => {
          e.removeEventListener(`success`, i), e.removeEventListener(`error`, a);
        },
        i = () => {
          t(b(e.result)), r();
        },
        a = () => {
          n(e.error), r();
        };
      e.addEventListener(`success`, i), e.addEventListener(`error`, a);
    });
    return (y.set(t, e), t);
  }
  function de(e) {
    if (g.has(e)) return;
    const t = new Promise((t, n) => {
      const r = () => {
          e.removeEventListener(`complete`, i), e.removeEventListener(`error`, a), e.removeEventListener(`abort`, a);
        },
        i = () => {
          t(), r();
        },
        a = () => {
          n(e.error || new DOMException(`AbortError`, `AbortError`)), r();
        };
      e.addEventListener(`complete`, i), e.addEventListener(`error`, a), e.addEventListener(`abort`, a);
    });
    g.set(e, t);
  }
  var fe = {
    get(e, t, n) {
      if (e instanceof IDBTransaction) {
        if (t === `done`) return g.get(e);
        if (t === `store`) return n.objectStoreNames[1] ? void 0 : n.objectStore(n.objectStoreNames[0]);
      }
      return b(e[t]);
    },
    set(e, t, n) {
      return ((e[t] = n), !0);
    },
    has(e, t) {
      return (e instanceof IDBTransaction && (t === `done` || t === `store`)) || t in e;
    },
  };
  function pe(e) {
    fe = e(fe);
  }
  function me(e) {
    return le().includes(e)
      ? function (...t) {
          return (e.apply(x(this), t), b(this.request));
        }
      : function (...t) {
          return b(e.apply(x(this), t));
        };
  }
  function he(e) {
    return typeof e == `function` ? me(e) : (e instanceof IDBTransaction && de(e), h(e, ce()) ? new Proxy(e, fe) : e);
  }
  function b(e) {
    if (e instanceof IDBRequest) return ue(e);
    if (v.has(e)) return v.get(e);
    const t = he(e);
    return (Object.is(t, e) || (v.set(e, t), y.set(t, e)), t);
  }
  var x = (e) => y.get(e);
  function ge(e, t, { blocked: n, upgrade: r, blocking: i, terminated: a } = {}) {
    const o = indexedDB.open(e, t),
      s = b(o);
    return (
      r &&
        o.addEventListener(`upgradeneeded`, (e) => {
          r(b(o.result), e.oldVersion, e.newVersion, b(o.transaction), e);
        }),
      n && o.addEventListener(`blocked`, (e) => n(e.oldVersion, e.newVersion, e)),
      s
        .then((e) => {
          a && e.addEventListener(`close`, () => a()),
            i && e.addEventListener(`versionchange`, (e) => i(e.oldVersion, e.newVersion, e));
        })
        .catch(() => {}),
      s
    );
  }
  function _e(e, { blocked: t } = {}) {
    const n = indexedDB.deleteDatabase(e);
    return (t && n.addEventListener(`blocked`, (e) => t(e.oldVersion, e)), b(n).then(() => void 0));
  }
  var ve = [`get`, `getKey`, `getAll`, `getAllKeys`, `count`],
    ye = [`put`, `add`, `delete`, `clear`],
    S = {};
  function be(e, t) {
    if (!(e instanceof IDBDatabase && !(t in e) && typeof t == `string`)) return;
    if (S[t]) return S[t];
    const n = t.replace(/FromIndex$/, ``),
      r = t !== n,
      i = ye.includes(n);
    return !(n in (r ? IDBIndex : IDBObjectStore).prototype) || !(i || ve.includes(n))
      ? void 0
      : (S[t] = async function (e, ...t) {
          let a = this.transaction(e, i ? `readwrite` : `readonly`),
            o = a.store;
          return (r && (o = o.index(t.shift())), (await Promise.all([o[n](...t), i && a.done]))[0]);
        });
  }
  pe((e) => ({ ...e, get: (t, n, r) => be(t, n) || e.get(t, n, r), has: (t, n) => !!be(t, n) || e.has(t, n) }));
  var xe = [`advance`, `continue`, `continuePrimaryKey`],
    Se = {},
    Ce = new WeakMap(),
    we = new WeakMap(),
    Te = {
      get(e, t) {
        if (!xe.includes(t)) return e[t];
        let n = Se[t];
        return (
          (n ||= Se[t] =
            function (...e) {
              Ce.set(this, we.get(this)[t](...e));
            }),
          n
        );
      },
    };
  async function* Ee(...e) {
    let t = this;
    if ((t instanceof IDBCursor || (t = await t.openCursor(...e)), !t)) return;
    t = t;
    const n = new Proxy(t, Te);
    for (we.set(n, t), y.set(n, x(t)); t; ) yield n, (t = await (Ce.get(n) || t.continue())), Ce.delete(n);
  }
  function De(e, t) {
    return (
      (t === Symbol.asyncIterator && h(e, [IDBIndex, IDBObjectStore, IDBCursor])) ||
      (t === `iterate` && h(e, [IDBIndex, IDBObjectStore]))
    );
  }
  pe((e) => ({
    ...e,
    get(t, n, r) {
      return De(t, n) ? Ee : e.get(t, n, r);
    },
    has(t, n) {
      return De(t, n) || e.has(t, n);
    },
  }));
  var C = class extends Error {
    name = `VouchsafeError`;
    code;
    facts;
    constructor(e, t, n = {}, r) {
      super(t, r === void 0 ? void 0 : { cause: r }), (this.code = e), (this.facts = n);
    }
  };
  function w(e, t) {
    return e instanceof C ? new C(e.code, e.message, { ...t, ...e.facts }, e.cause) : e;
  }
  var Oe = 1,
    ke = [`roots`, `metadata`, `releases`, `files`, `violations`],
    Ae = 5e3,
    je = 1e3,
    Me = 100,
    Ne = class {
      #e;
      #t;
      constructor(e) {
        this.#e = `vouchsafe ${e}`;
      }
      async loadState() {
        const [e, t, n, r, i] = await this.#i((e) => {
          const t = e.transaction([`roots`, `releases`]),
            n = t.objectStore(`roots`),
            r = t.objectStore(`releases`);
          return Promise.all([n.getAllKeys(), n.getAll(), r.get(`active`), r.get(`staged`), r.get(`retired`)]);
        });
        return { roots: new Map(e.map((e, n) => [e, t[n]])), active: n, staged: r, retired: i };
      }
      loadRoot(e) {
        return this.#n(`roots`, e);
      }
      async saveRoot(e, t, n) {
        await this.#i(async (r) => {
          const i = r.transaction([`roots`, `metadata`], `readwrite`),
            a = i.objectStore(`metadata`);
          await Promise.all([i.objectStore(`roots`).put(t, e), ...n.map((e) => a.delete(e)), i.done]);
        });
      }
      loadRole(e) {
        return this.#n(`metadata`, e);
      }
      saveRole(e, t) {
        return this.#r(`metadata`, e, t);
      }
      loadFile(e) {
        return this.#n(`files`, e);
      }
      saveFile(e, t) {
        return this.#r(`files`, e, t);
      }
      async storedHashes() {
        return new Set(await this.#i((e) => e.getAllKeys(`files`)));
      }
      saveRelease(e, t) {
        return this.#r(`releases`, e, t);
      }
      async activate(e) {
        await this.#i(async (t) => {
          const { store: n, done: r } = t.transaction(`releases`, `readwrite`),
            i = await n.get(`active`);
          await Promise.all([i && n.put(i, `retired`), n.put(e, `active`), n.delete(`staged`), r]);
        });
      }
      async keepFiles(e) {
        await this.#i(async (t) => {
          const { store: n, done: r } = t.transaction(`files`, `readwrite`),
            i = (await n.getAllKeys()).filter((t) => !e.has(t));
          await Promise.all([...i.map((e) => n.delete(e)), r]);
        });
      }
      async saveViolation(e) {
        await this.#i(async (t) => {
          const n = t.transaction(`violations`, `readwrite`);
          await n.store.add(e);
          const r = await n.store.getAllKeys(),
            i = r.slice(0, Math.max(0, r.length - Me));
          await Promise.all([...i.map((e) => n.store.delete(e)), n.done]);
        });
      }
      async loadViolations() {
        return this.#i((e) => e.getAll(`violations`));
      }
      async #n(e, t) {
        const n = await this.#i((n) => n.get(e, t));
        return n instanceof Uint8Array ? n : void 0;
      }
      async #r(e, t, n) {
        await this.#i((r) => r.put(e, n, t));
      }
      async #i(e) {
        this.#t ??= Pe(this.#a());
        const t = this.#t,
          n = () => {
            this.#t === t && (this.#t = void 0);
          };
        t.catch(() => setTimeout(n, je));
        try {
          return await e(await t).catch((e) => {
            throw (n(), e);
          });
        } catch (e) {
          throw new C(`storage`, `The browser's storage failed: ${e}`, {}, e);
        }
      }
      async #a() {
        try {
          const e = await this.#o();
          if (ke.every((t) => e.objectStoreNames.contains(t))) return e;
          e.close();
        } catch (e) {
          if (e.name !== `VersionError`) throw e;
        }
        return (await _e(this.#e), this.#o());
      }
      #o() {
        const e = () => {
          this.#t = void 0;
        };
        return ge(this.#e, Oe, {
          upgrade(e) {
            for (const t of ke) e.createObjectStore(t, { autoIncrement: t === `violations` });
          },
          blocking(t, n, r) {
            e(), r.target.close();
          },
          terminated: e,
        });
      }
    };
  function Pe(e) {
    return new Promise((t, n) => {
      const r = setTimeout(() => n(Error(`another page holds the database`)), Ae);
      e.then(t, n).finally(() => clearTimeout(r));
    });
  }
  function T(e, t) {
    if (typeof e != `object` || !e || Array.isArray(e)) throw k(t, `an object`);
    return e;
  }
  function E(e, t) {
    if (!Array.isArray(e)) throw k(t, `a list`);
    return e;
  }
  function D(e, t) {
    if (typeof e != `string`) throw k(t, `a text`);
    return e;
  }
  function O(e, t, n) {
    if (typeof e != `number` || e < n) throw k(t, `an integer of at least ${n}`);
    return e;
  }
  function Fe(e, t) {
    const n = D(e, t),
      r = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(n) ? Date.parse(n) : NaN;
    if (Number.isNaN(r) || Ie(r) !== n) throw k(t, `a date like 2030-01-31T00:00:00Z`);
    return r;
  }
  function Ie(e) {
    return new Date(e).toISOString().replace(/\.\d+Z$/, `Z`);
  }
  function k(e, t) {
    return new C(`malformed`, `"${e}" must be ${t}.`);
  }
  var Le = 41943040,
    Re = 1e6,
    ze = new TextDecoder(`utf-8`, { fatal: !0, ignoreBOM: !0 }),
    Be = /[\ud800-\udfff]/,
    Ve = /["\\\ud800-\udfff]/;
  function He(e) {
    if (e.length > 41943040) throw j(`longer than ${Le} bytes`);
    let t;
    try {
      t = ze.decode(e);
    } catch (e) {
      throw j(`not UTF-8`, e);
    }
    return new lt(t).parse();
  }
  function Ue(e) {
    return new TextEncoder().encode(A(e, We));
  }
  function A(e, t) {
    if (typeof e == `string`) return t(e);
    if (typeof e == `number` && !Number.isSafeInteger(e)) throw j(`${e} is not a safe integer`);
    if (typeof e != `object` || !e) return String(e);
    let n = ``;
    if (Array.isArray(e)) {
      for (const r of e) n += (n && `,`) + A(r, t);
      return `[${n}]`;
    }
    for (const r of Ge(e)) n += `${n && `,`}${t(r)}:${A(e[r], t)}`;
    return `{${n}}`;
  }
  function We(e) {
    return Ve.test(e) ? (Ke(e), `"${e.replace(/["\\]/g, `\\$&`)}"`) : `"${e}"`;
  }
  function Ge(e) {
    const t = Object.keys(e);
    return (t.some((e, n) => n > 0 && e < t[n - 1]) && t.sort(), t.some((e) => Be.test(e)) ? t.sort(qe) : t);
  }
  function Ke(e) {
    if (Be.test(e) && /\p{Surrogate}/u.test(e)) throw j(`a lone surrogate`);
  }
  function qe(e, t) {
    let n = 0;
    for (; n < e.length && e[n] === t[n]; ) n++;
    return Je(e, n) - Je(t, n);
  }
  function Je(e, t) {
    const n = t < e.length ? e.charCodeAt(t) : -1;
    return n >= 55296 && n <= 57343 ? n + 65536 : n;
  }
  function j(e, t) {
    return new C(`malformed`, `This is not the JSON that TUF allows: ${e}.`, {}, t);
  }
  var Ye = 9,
    Xe = 10,
    Ze = 13,
    Qe = 32,
    M = 34,
    $e = 44,
    et = 45,
    tt = 48,
    nt = 57,
    rt = 58,
    it = 91,
    at = 92,
    ot = 93,
    st = 123,
    ct = 125,
    lt = class {
      #e;
      #t = 0;
      #n = 0;
      constructor(e) {
        this.#e = e;
      }
      parse() {
        const e = this.#r(0);
        if ((this.#l(), this.#t < this.#e.length)) throw this.#f();
        return e;
      }
      #r(e) {
        if (e > 64) throw j(`nested deeper than 64 levels`);
        const t = this.#l();
        if (t === M) return this.#o();
        if (t === st || t === it) {
          if (++this.#n > 1e6) throw j(`more than ${Re} objects and lists`);
          return t === st ? this.#i(e) : this.#a(e);
        }
        if (t === et || ut(t)) return this.#s();
        if (this.#c(`true`)) return !0;
        if (this.#c(`false`)) return !1;
        if (this.#c(`null`)) return null;
        throw this.#f();
      }
      #i(e) {
        const t = Object.setPrototypeOf({}, null);
        if ((this.#t++, this.#u(ct))) return t;
        do {
          if (this.#l() !== M) throw this.#f();
          const n = this.#o();
          if (n in t) throw j(`the key ${JSON.stringify(n.slice(0, 100))} twice`);
          this.#d(rt), (t[n] = this.#r(e + 1));
        } while (this.#u($e));
        return (this.#d(ct), t);
      }
      #a(e) {
        const t = [];
        if ((this.#t++, this.#u(ot))) return t;
        do t.push(this.#r(e + 1));
        while (this.#u($e));
        return (this.#d(ot), t);
      }
      #o() {
        let e = this.#e,
          t = this.#t,
          n = t + 1,
          r = !0;
        for (let t = e.charCodeAt(n); t !== M; t = e.charCodeAt(++n))
          if (t === at) (r = !1), n++;
          else if (!(t >= Qe)) throw j(`a text without end, or with a control character, at position ${n}`);
        return ((this.#t = n + 1), r ? e.slice(t + 1, n) : dt(e.slice(t, n + 1), t));
      }
      #s() {
        const e = this.#t;
        this.#e.charCodeAt(e) === et && this.#t++;
        const t = this.#t;
        for (; ut(this.#e.charCodeAt(this.#t)); ) this.#t++;
        const n = this.#t - t;
        if (n === 0 || (n > 1 && this.#e.charCodeAt(t) === tt)) throw this.#f();
        const r = Number(this.#e.slice(e, this.#t));
        if (!Number.isSafeInteger(r) || Object.is(r, -0)) throw j(`a number that is not a safe integer`);
        return r;
      }
      #c(e) {
        return this.#e.startsWith(e, this.#t) ? ((this.#t += e.length), !0) : !1;
      }
      #l() {
        let e = this.#e.charCodeAt(this.#t);
        for (; e === Qe || e === Xe || e === Ze || e === Ye; ) e = this.#e.charCodeAt(++this.#t);
        return e;
      }
      #u(e) {
        return this.#l() === e && (this.#t++, !0);
      }
      #d(e) {
        if (!this.#u(e)) throw this.#f();
      }
      #f() {
        return j(`unexpected ${JSON.stringify(this.#e[this.#t] ?? `end`)} at position ${this.#t}`);
      }
    };
  function ut(e) {
    return e >= tt && e <= nt;
  }
  function dt(e, t) {
    let n;
    try {
      n = JSON.parse(e);
    } catch (e) {
      throw j(`a text with a wrong escape at position ${t}`, e);
    }
    return (Ke(n), n);
  }
  var N = `vouchsafe.json`,
    ft = /^[a-z0-9!#$%&'*+.^_`|~-]+$/,
    pt = /^[\t\x20-\x7e\x80-\xff]*$/;
  function mt(e) {
    try {
      return ht(He(e));
    } catch (e) {
      throw w(e, { path: N });
    }
  }
  function ht(e) {
    const t = O(T(e, `manifest`).vouchsafe, `vouchsafe`, 1);
    if (t !== 1)
      throw new C(`unsupported`, `This worker does not know the format of the release manifest.`, {
        expected: `format 1`,
        actual: `format ${t}`,
      });
    const n = P(e, `manifest`, [`vouchsafe`, `navigation`, `content_types`, `headers`, `offline_seconds`]),
      { index: r, fallback: i } = P(n.navigation, `navigation`, [`index`, `fallback`]);
    return {
      navigation: { index: D(r, `index`), ...(i !== void 0 && { fallback: D(i, `fallback`) }) },
      contentTypes: new Map(yt(n.content_types, `content_types`)),
      headers: E(n.headers, `headers`).map((e) => {
        const t = P(e, `headers`, [`path`, `set`]),
          n = yt(t.set, `set`);
        for (const [e] of n) if (!ft.test(e)) throw F(e);
        return { path: D(t.path, `path`), set: Object.fromEntries(n) };
      }),
      offlineSeconds: O(n.offline_seconds, `offline_seconds`, 0),
    };
  }
  function gt(e, t) {
    const n = new Map([[`content-type`, vt(e, t)]]);
    for (const r of e.headers) if (_t(r.path, t)) for (const [e, t] of Object.entries(r.set)) n.set(e, t);
    return n;
  }
  function _t(e, t) {
    let n = Array.from({ length: t.length + 1 }, (e, t) => t === 0);
    for (const r of e.match(/\*\*\/|\*\*|./gs) ?? []) {
      const e = [],
        i = n.indexOf(!0);
      if (i < 0) return !1;
      for (const [a, o] of n.entries()) {
        const s = t[a - 1],
          c = r === `**/` ? s === `/` && i < a : r[0] === `*` ? e[a - 1] && (r === `**` || s !== `/`) : n[a - 1] && s === r;
        e.push(!!c || (o && r[0] === `*`));
      }
      n = e;
    }
    return n.at(-1) === !0;
  }
  function vt(e, t) {
    const n = /\.([^./]+)$/.exec(t)?.[1]?.toLowerCase() ?? ``;
    return e.contentTypes.get(n) ?? e.contentTypes.get(``) ?? `application/octet-stream`;
  }
  function P(e, t, n) {
    const r = T(e, t);
    for (const e of Object.keys(r)) if (!n.includes(e)) throw F(e);
    return r;
  }
  function yt(e, t) {
    return Object.entries(T(e, t)).map(([e, t]) => {
      if (!pt.test(D(t, e))) throw F(e);
      return [e, `${t}`];
    });
  }
  function F(e) {
    return new C(`malformed`, `The release manifest may not have this in "${e}".`);
  }
  function bt(e, t, n, r, i) {
    const a = xt(n, r);
    if (a === void 0) return;
    const o = i !== `subresource`;
    if (a === `` || a.endsWith(`/`)) {
      const n = a + e.navigation.index;
      if (t(n)) return { kind: `target`, path: n };
    } else {
      if (t(a)) return { kind: `target`, path: a };
      if (o && t(`${a}/${e.navigation.index}`)) return { kind: `redirect`, path: `${r}/` };
    }
    const { fallback: s } = e.navigation,
      c = /\.[^/]*$/.test(a);
    if (o && s !== void 0 && !c && t(s)) return { kind: `target`, path: s };
  }
  function xt(e, t) {
    if (!t.startsWith(e)) return;
    const n = t.slice(e.length).split(`/`),
      r = [];
    for (const [e, t] of n.entries()) {
      let i;
      try {
        i = decodeURIComponent(t);
      } catch {
        return;
      }
      const a = e === n.length - 1;
      if ((i === `` && !a) || i === `.` || i === `..` || /[/\\\0]/.test(i)) return;
      r.push(i);
    }
    return r.join(`/`);
  }
  var St = new Set([``, `audio`, `font`, `image`, `report`, `track`, `video`]);
  function Ct(e, t, n) {
    const { destination: r, method: i } = e,
      a = new URL(e.url),
      o = a.origin === t.origin && a.pathname.startsWith(t.pathname),
      s = a.origin === t.origin && n.some((e) => a.pathname.startsWith(e)),
      c = e.mode === `navigate`;
    if (!o || s) {
      if (!c && St.has(r)) return `network`;
      throw wt(e, `A ${c ? `page` : r} may not come from outside the signed release.`);
    }
    if (i !== `GET` && i !== `HEAD`) throw wt(e, `A file of the release is not answered to the method ${i}.`);
    return c ? (r === `document` ? `document` : `frame`) : `subresource`;
  }
  function wt({ url: e, method: t, destination: n, mode: r }, i) {
    return new C(`forbidden`, i, { url: e, actual: `${t} ${n || r}` });
  }
  var Tt = 2 ** 19;
  function Et(e, t, n, r) {
    return async ({ event: i, request: a, url: o }) => {
      const s = Ct(a, t, e.passthrough);
      if (s === `network`) return fetch(a).catch(() => Response.error());
      const c = s === `frame` && (await r()) ? `document` : s,
        l = await n.releaseFor(c, (e) => i.waitUntil(e)),
        { manifest: u, targets: d } = l,
        f = bt(u, (e) => d.has(e), t.pathname, o.pathname, c);
      if (f?.kind === `redirect`) return Response.redirect(t.origin + f.path + o.search, 302);
      const p = f && d.get(f.path);
      if (!p) {
        if (o.pathname === `/favicon.ico`) return new Response(null, { status: 404 });
        throw new C(`not-found`, `The signed release has no such file.`, { url: o.href });
      }
      const m = await n.read(l, p),
        ee = gt(u, p.path).set(`content-length`, String(p.length));
      return new Response(a.method === `HEAD` ? null : Dt(m, i), { headers: [...ee] });
    };
  }
  function Dt(e, t) {
    if (e.length < Tt) return e;
    let n = () => {};
    return (
      t.waitUntil(
        new Promise((e) => {
          n = e;
        }),
      ),
      new ReadableStream(
        {
          start: (t) => t.enqueue(e),
          pull(e) {
            e.close(), n();
          },
          cancel: () => n(),
        },
        { highWaterMark: 0 },
      )
    );
  }
  function I(e) {
    return e instanceof C ? e : new C(`storage`, `Unexpected: ${e}`, {}, e);
  }
  function L(e) {
    const { code: t, message: n, facts: r } = I(e);
    return { code: t, message: n, facts: r };
  }
  function Ot(e, t) {
    return e.mode !== `navigate` && !e.destination.endsWith(`worker`)
      ? Response.error()
      : new Response(jt(t), {
          status: 503,
          headers: {
            'content-type': `text/html; charset=utf-8`,
            'content-security-policy': `default-src 'none'; style-src 'unsafe-inline'`,
          },
        });
  }
  var kt = {
      'not-found': `Check the address.`,
      expired: `Check this device’s clock, or wait for new signatures.`,
      unreachable: `Check your connection.`,
      redirected: `If this network wants you to sign in, do so.`,
      storage: `Allow this site to store data, or make room on the disk.`,
    },
    At = `Try another network. If it stays, tell the site’s operators: their server may have been broken into.`;
  function jt({ code: e, message: t, facts: n }) {
    const r = Object.entries({ reason: e, ...n }).map(([e, t]) => `<dt>${e}<dd>${Mt(`${t}`)}`);
    return `<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content="width=device-width"><title>Page refused</title>
<style>:root{color-scheme:light dark;font:1rem/1.5 system-ui,sans-serif}body{max-width:40rem;margin:3rem auto}dt{font-weight:600}dd{margin:0;overflow-wrap:anywhere;font-family:monospace}</style>
<h1>This page was not shown</h1><p>This site shows only what its signers vouched for.
<p>${Mt(t)}<p>${kt[e] ?? At} Then <a href="">try again</a>.<dl>${r.join(``)}</dl>`;
  }
  function Mt(e) {
    return e.replace(/[&<>"]/g, (e) => `&#${e.charCodeAt(0)};`);
  }
  var Nt = [
    [`sha256`, `SHA-256`, 32],
    [`sha512`, `SHA-512`, 64],
  ];
  async function Pt(e) {
    return { length: e.length, hashes: { sha256: await Lt(`SHA-256`, e) } };
  }
  function R({ hashes: e, length: t }) {
    const n = Nt.flatMap(([t]) => (e?.[t] === void 0 ? [] : `${t} ${e[t]}`));
    return (t !== void 0 && n.push(`${t} bytes`), n.join(`, `));
  }
  async function z(e, t, n) {
    const r = {};
    for (const [n, i] of Nt) t.hashes?.[n] !== void 0 && (r[n] = await Lt(i, e));
    const i = R(t),
      a = R({ hashes: r, ...(t.length !== void 0 && { length: e.length }) });
    if (i !== a || (t.hashes && Object.keys(r).length === 0))
      throw new C(`mismatch`, `${n.path ?? n.role ?? `A file`} is not the one that was signed.`, { ...n, expected: i, actual: a });
  }
  function Ft(e) {
    const t = T(e, `hashes`),
      n = {};
    for (const [e, , r] of Nt) {
      if (t[e] === void 0) continue;
      const a = D(t[e], e);
      if (!i(a, r)) throw new C(`malformed`, `"${e}" must be ${2 * r} lower-case hexadecimal digits.`);
      n[e] = a;
    }
    if (Object.keys(n).length === 0)
      throw new C(`unsupported`, `A file is listed without a hash that this client knows.`, { expected: `sha256 or sha512` });
    return n;
  }
  function It(e) {
    return O(e.length, `length`, 0);
  }
  async function Lt(e, t) {
    return n(new Uint8Array(await crypto.subtle.digest(e, t)));
  }
  var Rt = 1024;
  function B(e, t) {
    return `${t === void 0 ? `` : `${t}.`}${encodeURIComponent(e)}.json`;
  }
  function zt(e, t) {
    const n = e.path.split(`/`);
    if (e.path.length > 1024 || n.some((e) => /^\.{0,2}$|[\\\u0000-\u001f]/.test(e)))
      throw new C(`malformed`, `This target path cannot be asked for.`, { path: e.path.slice(0, Rt) });
    const r = n.pop(),
      i = e.hashes.sha256 ?? e.hashes.sha512;
    return [...n, t ? `${i}.${r}` : `${r}`].map(encodeURIComponent).join(`/`);
  }
  var Bt = {
    rootLength: 512e3,
    timestampLength: 16384,
    snapshotLength: 4e6,
    targetsLength: 32e6,
    rootRotations: 256,
    delegations: 32,
    deadline: 6e5,
    window: 15e3,
    minimumRate: 500,
  };
  async function Vt(e, t, n, r, i = `at most ${n} bytes`) {
    let a = new AbortController(),
      o = new Ht(r, t),
      s,
      c = async (e) => {
        try {
          return await Promise.race([e(), o.crossed]);
        } catch (e) {
          throw e instanceof C ? e : new C(`unreachable`, `No answer came.`, { url: t }, e);
        }
      };
    try {
      const { status: r, type: l, body: u } = await c(() => e(t, { cache: `no-store`, redirect: `manual`, signal: a.signal })),
        d = { url: t, status: r };
      if (l === `opaqueredirect` || (r >= 300 && r < 400)) throw new C(`redirected`, `The server answered with a redirect.`, d);
      if (r !== 200) throw new C(`unreachable`, `The server answered with status ${r}.`, d);
      const f = u?.getReader();
      s = () => f?.cancel();
      const p = [];
      for (;;) {
        const { done: e, value: r } = f ? await c(() => f.read()) : { done: !0 };
        if (e || !r) break;
        if ((p.push(r), (o.received += r.length), o.received > n))
          throw new C(`too-long`, `More bytes came than the signed metadata or the limit allows.`, {
            url: t,
            expected: i,
            actual: `at least ${o.received} bytes`,
          });
      }
      return Ut(p, o.received);
    } catch (e) {
      throw (a.abort(), Promise.resolve(s?.()).catch(() => {}), e);
    } finally {
      o.end();
    }
  }
  var Ht = class {
    received = 0;
    crossed;
    #e;
    constructor({ deadline: e, window: t, minimumRate: n }, r) {
      (this.crossed = new Promise((i, a) => {
        const o = (i, s) => {
          const c = Math.min(t, e - s);
          this.#e = setTimeout(() => {
            this.received - i >= (n * c) / 1e3 && s + c < e
              ? o(this.received, s + c)
              : a(
                  new C(`too-slow`, `The download was too slow.`, {
                    url: r,
                    expected: `${n} bytes per second, at most ${e / 1e3} seconds`,
                    actual: `${this.received} bytes in ${(s + c) / 1e3} seconds`,
                  }),
                );
          }, c);
        };
        o(0, 0);
      })),
        this.crossed.catch(() => {});
    }
    end() {
      clearTimeout(this.#e);
    }
  };
  function Ut(e, t) {
    let n = new Uint8Array(t),
      r = 0;
    for (const t of e) n.set(t, r), (r += t.length);
    return n;
  }
  var Wt = class {
    #e;
    #t;
    #n;
    #r;
    constructor(e, t, n, r = () => {}) {
      if (((this.#e = typeof e == `string` ? [e] : [...e]), this.#e.length === 0))
        throw TypeError(`There must be at least one URL.`);
      (this.#t = t), (this.#n = n), (this.#r = (e) => r(e));
    }
    async first(e) {
      const t = [];
      for (const n of [...this.#e]) {
        const r = await this.#i(n, e, t);
        if (r) return (t.forEach(this.#r), r.value);
      }
      throw this.#a(t, e);
    }
    async *each(e) {
      const t = [],
        n = [...this.#e];
      for (const r of n) {
        const n = await this.#i(r, e, t);
        n && (yield n.value);
      }
      if (t.length === n.length) throw this.#a(t, e);
      t.forEach(this.#r);
    }
    async #i(e, t, n) {
      const { name: r, facts: i, maxLength: a, take: o, expected: s } = t,
        c = e + r;
      try {
        return { value: await o(await Vt(this.#t, c, a, this.#n, s)) };
      } catch (t) {
        const r = w(t, { ...i, url: c });
        if (!(r instanceof C)) throw r;
        n.push(r), V(r) || this.#e.push(...this.#e.splice(this.#e.indexOf(e), 1));
        return;
      }
    }
    #a(e, { mayBeMissing: t }) {
      const n = t ? e.filter(V) : [],
        [r = e[0]] = n;
      for (const t of e) t !== r && !n.includes(t) && this.#r(t);
      return r;
    }
  };
  function V(e) {
    return e instanceof C && (e.facts.status === 404 || e.facts.status === 403);
  }
  var Gt = 2,
    H = class e {
      #e;
      #t = 0;
      constructor(e) {
        this.#e = e;
      }
      static sequence(t) {
        const n = new e(t),
          r = n.take(48);
        return (n.end(), new e(r));
      }
      take(e) {
        U(this.#n() === e);
        let t = this.#n();
        if (t >= 128) {
          const e = t === 129;
          U(e || t === 130), (t = e ? this.#n() : 256 * this.#n() + this.#n()), U(t >= (e ? 128 : 256));
        }
        const n = this.#e.subarray(this.#t, this.#t + t);
        return (U(n.length === t), (this.#t += t), n);
      }
      takePositive() {
        const e = this.take(Gt),
          [t = 0, n = 0] = e;
        return (U(t > 0 ? t < 128 : n >= 128), t > 0 ? e : e.subarray(1));
      }
      end() {
        U(this.#t === this.#e.length);
      }
      #n() {
        return this.#e[this.#t++] ?? 0;
      }
    };
  function U(e) {
    if (!e) throw RangeError(`This is not the DER that was expected.`);
  }
  function Kt(e) {
    const t = /^\s*-----BEGIN PUBLIC KEY-----([A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----\s*$/.exec(e)?.[1];
    try {
      return t === void 0 ? void 0 : Uint8Array.from(atob(t), (e) => e.charCodeAt(0));
    } catch {
      return;
    }
  }
  var qt = { name: `ECDSA`, namedCurve: `P-256`, hash: `SHA-256` },
    Jt = `3059301306072a8648ce3d020106082a8648ce3d030107034200`,
    Yt = 65,
    Xt = 32;
  function Zt(e) {
    const t = Kt(e),
      i = t ? n(t) : Jt + e,
      a = i.startsWith(`${Jt}04`) ? r(i.slice(52), Yt) : void 0;
    if (a)
      return {
        identity: `ecdsa ${n(a)}`,
        async verify(e, t) {
          const n = Qt(e);
          if (!n) return !1;
          const r = await crypto.subtle.importKey(`raw`, a, qt, !1, [`verify`]);
          return crypto.subtle.verify(qt, r, n, t);
        },
      };
  }
  function Qt(e) {
    const t = new Uint8Array(64);
    try {
      const n = H.sequence(e);
      for (const e of [Xt, 64]) {
        const r = n.takePositive();
        if (r.length > Xt) return;
        t.set(r, e - r.length);
      }
      return (n.end(), t);
    } catch {
      return;
    }
  }
  var $t = { name: `RSA-PSS`, hash: `SHA-256`, saltLength: 32 },
    en = `06092a864886f70d0101010500`,
    tn = { least: 2048, most: 16384 };
  function nn(e) {
    const t = Kt(e),
      r = t && rn(t);
    if (!r) return;
    const i = 8 * r.length + 24 - Math.clz32(r[0] ?? 0);
    if (!(i < tn.least || i > tn.most))
      return {
        identity: `rsa ${n(r)}`,
        async verify(e, n) {
          const r = await crypto.subtle.importKey(`spki`, t, $t, !1, [`verify`]);
          return crypto.subtle.verify($t, r, e, n);
        },
      };
  }
  function rn(e) {
    try {
      const t = H.sequence(e);
      if (n(t.take(48)) !== en) return;
      const [r, ...i] = t.take(3);
      t.end();
      const a = H.sequence(Uint8Array.from(i)),
        o = a.takePositive(),
        s = a.takePositive();
      return (a.end(), r === 0 && an(s) ? o : void 0);
    } catch {
      return;
    }
  }
  function an(e) {
    const t = e.at(-1) ?? 0;
    return e.length <= 4 && t % 2 == 1 && (e.length > 1 || t > 1);
  }
  var on = 4096,
    sn = 4096,
    cn = new Map([
      [`ed25519 ed25519`, dn],
      [`ecdsa ecdsa-sha2-nistp256`, Zt],
      [`ecdsa-sha2-nistp256 ecdsa-sha2-nistp256`, Zt],
      [`rsa rsassa-pss-sha256`, nn],
    ]);
  function ln(e) {
    const t = T(e, `key`),
      n = cn.get(`${D(t.keytype, `keytype`)} ${D(t.scheme, `scheme`)}`),
      i = n && D(T(t.keyval, `keyval`).public, `public`),
      a = i !== void 0 && i.length <= on ? n?.(i) : void 0;
    return (
      a && {
        identity: a.identity,
        async verify(e, t) {
          const n = e.length <= sn ? r(e, e.length / 2) : void 0;
          try {
            return n !== void 0 && (await a.verify(n, t));
          } catch (e) {
            if (e.name === `DataError`) return !1;
            throw e;
          }
        },
      }
    );
  }
  function un(e) {
    const t = new Map();
    for (const [n, r] of Object.entries(T(e, `keys`))) {
      const e = ln(r);
      e && t.set(n, e);
    }
    return t;
  }
  function dn(e) {
    const t = r(e, 32);
    if (t && u(t)) return { identity: `ed25519 ${e}`, verify: (e, n) => d(t, e, n) };
  }
  var W = class {
      bytes;
      version;
      expires;
      signed;
      signatures;
      constructor(e, t) {
        const n = T(He(e), `metadata`),
          r = T(n.signed, `signed`);
        if (r._type !== t) throw new C(`malformed`, `"_type" must be "${t}".`);
        const i = D(r.spec_version, `spec_version`);
        if (!/^1\.\d+(\.\d+)?$/.test(i))
          throw new C(`unsupported`, `The metadata follows a specification that this client does not know.`, {
            expected: `spec_version 1.x`,
            actual: i.slice(0, 100),
          });
        (this.bytes = e),
          (this.version = O(r.version, `version`, 1)),
          (this.expires = Fe(r.expires, `expires`)),
          (this.signed = r),
          (this.signatures = mn(n.signatures));
      }
    },
    fn = 1024;
  function G(e) {
    const t = T(e, `role`),
      n = E(t.keyids, `keyids`).map((e) => D(e, `keyid`));
    if (n.length > fn) throw new C(`malformed`, `A role lists more than ${fn} keyids.`);
    if (new Set(n).size !== n.length) throw new C(`malformed`, `A role lists a keyid twice.`);
    return { keyids: n, threshold: O(t.threshold, `threshold`, 1) };
  }
  async function pn(e, t, n, { keyids: r, threshold: i }) {
    const a = Ue(e.signed),
      o = new Set();
    for (const t of r) {
      const r = n.get(t),
        s = e.signatures.get(t);
      if ((r && s && (await r.verify(s, a)) && o.add(r.identity), o.size >= i)) return;
    }
    throw new C(`unsigned`, `Too few of the keys trusted for ${t} have signed it.`, {
      role: t,
      version: e.version,
      expected: `valid signatures by ${i} distinct keys`,
      actual: `by ${o.size}`,
    });
  }
  function mn(e) {
    const t = new Map();
    for (const n of E(e, `signatures`)) {
      const e = T(n, `signature`),
        r = D(e.keyid, `keyid`);
      if (t.has(r)) throw new C(`malformed`, `Two signatures name the same keyid.`);
      t.set(r, D(e.sig, `sig`));
    }
    return t;
  }
  var hn = [`root`, `timestamp`, `snapshot`, `targets`];
  function gn(e) {
    return hn.includes(e);
  }
  var K = class extends W {
    consistentSnapshot;
    #e;
    #t = new Map();
    constructor(e) {
      super(e, `root`);
      const { consistent_snapshot: t = !1, keys: n, roles: r } = this.signed;
      if (typeof t != `boolean`) throw new C(`malformed`, `"consistent_snapshot" must be true or false.`);
      (this.consistentSnapshot = t), (this.#e = un(n));
      const i = T(r, `roles`);
      for (const e of hn) this.#t.set(e, G(i[e]));
    }
    async verify(e, t) {
      await pn(t, e, this.#e, this.#r(e));
    }
    losesKey(e, t) {
      const n = t.#n(e);
      return [...this.#n(e)].some((e) => !n.has(e));
    }
    #n(e) {
      return new Set(this.#r(e).keyids.flatMap((e) => this.#e.get(e)?.identity ?? []));
    }
    #r(e) {
      return this.#t.get(e);
    }
  };
  function _n(e) {
    const t = T(e, `meta`);
    return {
      version: O(t.version, `version`, 1),
      ...(t.length === void 0 ? {} : { length: It(t) }),
      ...(t.hashes === void 0 ? {} : { hashes: Ft(t.hashes) }),
    };
  }
  var vn = class extends W {
    meta;
    constructor(e) {
      super(e, `snapshot`), (this.meta = new Map(Object.entries(T(this.signed.meta, `meta`)).map(([e, t]) => [e, _n(t)])));
    }
    metaFile(e) {
      const t = this.meta.get(`${e}.json`);
      if (!t) throw new C(`not-found`, `The snapshot does not list ${e}.`, { role: e });
      return t;
    }
  };
  function yn(e) {
    const { keys: t, roles: n, succinct_roles: r } = T(e, `delegations`),
      i = un(t);
    if ((n === void 0) == (r === void 0)) throw q(`Delegations must have either "roles" or "succinct_roles".`);
    if (r !== void 0) return { roles: [], bins: xn(T(r, `succinct_roles`), i) };
    const a = new Set();
    return {
      roles: E(n, `roles`).map((e) => {
        const t = bn(T(e, `role`), i);
        if (a.has(t.role)) throw q(`Delegations name a role twice.`, t.role);
        return (a.add(t.role), t);
      }),
      bins: void 0,
    };
  }
  function bn(e, t) {
    const n = D(e.name, `name`);
    if (n === `` || n.length > 1024 || gn(n)) throw q(`A delegated role cannot have this name.`, n.slice(0, Rt));
    const { terminating: r, paths: i, path_hash_prefixes: a } = e;
    if (typeof r != `boolean`) throw q(`"terminating" must be true or false.`, n);
    if (i !== void 0 && a !== void 0) throw q(`A delegation cannot have both "paths" and "path_hash_prefixes".`, n);
    return { ...G(e), role: n, keys: t, isTerminating: r, patterns: Sn(i, `paths`), hashPrefixes: Sn(a, `path_hash_prefixes`) };
  }
  function xn(e, t) {
    const n = O(e.bit_length, `bit_length`, 1);
    if (n > 32) throw q(`"bit_length" must be at most 32.`);
    return { shared: { ...G(e), keys: t, isTerminating: !0 }, namePrefix: D(e.name_prefix, `name_prefix`), bitLength: n };
  }
  function Sn(e, t) {
    return e === void 0 ? [] : E(e, t).map((e) => D(e, t));
  }
  function q(e, t) {
    return new C(`malformed`, e, t === void 0 ? {} : { actual: t });
  }
  var Cn = class extends W {
      files;
      delegations;
      constructor(e) {
        super(e, `targets`);
        const t = new Map();
        for (const [e, n] of Object.entries(T(this.signed.targets, `targets`))) {
          const r = T(n, e),
            { custom: i } = r,
            a = { path: e, length: It(r), hashes: Ft(r.hashes) };
          t.set(e, i === void 0 ? a : { ...a, custom: i });
        }
        this.files = t;
        const { delegations: n } = this.signed;
        this.delegations = n === void 0 ? void 0 : yn(n);
      }
    },
    wn = class extends W {
      snapshot;
      constructor(e) {
        super(e, `timestamp`), (this.snapshot = _n(T(this.signed.meta, `meta`)[`snapshot.json`]));
      }
    },
    Tn = class e {
      now;
      #e;
      #t;
      #n;
      #r;
      constructor(e, t) {
        (this.#e = e), (this.now = t);
      }
      get root() {
        return this.#e;
      }
      get timestamp() {
        return this.#t;
      }
      get snapshot() {
        return this.#n;
      }
      get targets() {
        return this.#r;
      }
      static async fromRoot(t, n) {
        const r = J(`root`, () => new K(t));
        return (await r.verify(`root`, r), new e(r, n));
      }
      loadRoot(e) {
        return this.updateRoot(e);
      }
      async updateRoot(e) {
        if (this.#t) throw Error(`Roots come before the timestamp.`);
        const t = J(`root`, () => new K(e));
        return (
          await this.#e.verify(`root`, t),
          await t.verify(`root`, t),
          Y(t.version > this.#e.version ? `mismatch` : `rollback`, `root`, this.#e.version + 1, t),
          (this.#e = t),
          t
        );
      }
      loadTimestamp(e) {
        return this.#i(e, En);
      }
      async updateTimestamp(e) {
        return (this.checkExpiry(`root`), this.#i(e, this.#s));
      }
      async loadSnapshot(e) {
        const t = this.listed(`snapshot`),
          n = J(`snapshot`, () => new vn(e));
        return (
          n.version === t.version && (await z(e, t, { role: `snapshot`, version: t.version })),
          await this.#e.verify(`snapshot`, n),
          (this.#n = n),
          (this.#r = void 0),
          n
        );
      }
      async updateSnapshot(e) {
        const t = this.listed(`snapshot`);
        this.checkExpiry(`timestamp`), await z(e, t, { role: `snapshot`, version: t.version });
        const n = J(`snapshot`, () => new vn(e));
        if ((await this.#e.verify(`snapshot`, n), Y(`mismatch`, `snapshot`, t.version, n), this.#n && n.version < this.#n.version))
          throw X(`snapshot`, this.#n.version, n.version);
        for (const [e, { version: t }] of this.#n?.meta ?? []) {
          const r = n.meta.get(e)?.version;
          if (r === void 0 || r < t) throw X(e.replace(/\.json$/, ``), t, r ?? `none`);
        }
        return (this.#s(`snapshot`, n), (this.#n = n), (this.#r = void 0), n);
      }
      loadTargets(e) {
        return this.#a(e, En);
      }
      async updateTargets(e) {
        return (this.checkExpiry(`snapshot`), this.#a(e, this.#s));
      }
      async verifyDelegated(e, t) {
        this.checkExpiry(`targets`);
        const { role: n, keys: r } = t;
        return this.#o(e, n, (e) => pn(e, n, r, t), this.#s);
      }
      listed(e) {
        const { snapshot: t } = this.#c(`timestamp`, this.#t);
        if (e === `snapshot`) return t;
        const n = this.#c(`snapshot`, this.#n);
        return (Y(`mismatch`, `snapshot`, t.version, n), n.metaFile(e));
      }
      isFresh(e) {
        const t = this[e];
        return t !== void 0 && t.version === this.listed(e).version && t.expires > this.now;
      }
      checkExpiry(e) {
        this.#s(e, this.#c(e, this[e]));
      }
      async #i(e, t) {
        let n = J(`timestamp`, () => new wn(e));
        await this.#e.verify(`timestamp`, n);
        const r = this.#t;
        if (r) {
          if (n.version < r.version) throw X(`timestamp`, r.version, n.version);
          if (n.version === r.version) n = r;
          else if (n.snapshot.version < r.snapshot.version) throw X(`snapshot`, r.snapshot.version, n.snapshot.version);
        }
        return (t(`timestamp`, n), (this.#t = n), n);
      }
      async #a(e, t) {
        const n = (e) => this.#e.verify(`targets`, e);
        return ((this.#r = await this.#o(e, `targets`, n, t)), this.#r);
      }
      async #o(e, t, n, r) {
        const i = this.listed(t);
        await z(e, i, { role: t, version: i.version });
        const a = J(t, () => new Cn(e));
        return (await n(a), Y(`mismatch`, t, i.version, a), r(t, a), a);
      }
      #s = (e, { version: t, expires: n }) => {
        if (!(n > this.now))
          throw new C(`expired`, `The ${e} metadata has expired.`, {
            role: e,
            version: t,
            expected: `an expiry date after ${new Date(this.now).toISOString()}`,
            actual: new Date(n).toISOString(),
          });
      };
      #c(e, t) {
        if (!t) throw Error(`The ${e} metadata comes first.`);
        return t;
      }
    },
    En = () => {};
  function J(e, t) {
    try {
      return t();
    } catch (t) {
      throw w(t, { role: e });
    }
  }
  function Y(e, t, n, { version: r }) {
    if (r !== n)
      throw new C(e, `This is not the version of ${t} that was asked for.`, {
        role: t,
        version: r,
        expected: `version ${n}`,
        actual: `version ${r}`,
      });
  }
  function X(e, t, n) {
    return new C(`rollback`, `An older ${e} than the trusted one was offered.`, {
      role: e,
      expected: `version ${t} or later`,
      actual: `version ${n}`,
    });
  }
  var Dn = class {
    #e;
    limits;
    metadata;
    #t;
    #n;
    #r;
    constructor(e) {
      (this.#e = e), (this.limits = { ...Bt, ...e.limits });
      const { fetch: t, metadataUrl: n, targetsUrl: r, onMirrorFailure: i } = e;
      (this.metadata = new Wt(n, t, this.limits, i)), (this.#t = new Wt(r, t, this.limits, i));
    }
    refresh() {
      return (
        (this.#n ??= this.#i().finally(() => {
          this.#n = void 0;
        })),
        this.#n
      );
    }
    get trusted() {
      return this.#r;
    }
    async downloadTarget(e, t, n = e.length) {
      const r = t ?? (this.#r ?? (await this.refresh())).root.consistentSnapshot,
        i = { path: e.path };
      return this.#t.first({ name: zt(e, r), facts: i, maxLength: n, take: async (t) => (await z(t, e, i), t), expected: R(e) });
    }
    async #i() {
      const { root: e, now: t = Date.now } = this.#e,
        n = await Tn.fromRoot(e, t());
      await this.#a(n), await this.#c(n), n.checkExpiry(`root`), await this.#l(n);
      const { snapshotLength: r, targetsLength: i } = this.limits;
      return (
        await this.#d(
          n,
          `snapshot`,
          r,
          (e) => n.loadSnapshot(e),
          (e) => n.updateSnapshot(e),
        ),
        await this.#d(
          n,
          `targets`,
          i,
          (e) => n.loadTargets(e),
          (e) => n.updateTargets(e),
        ),
        (this.#r = n),
        n
      );
    }
    async #a(e) {
      const { root: t } = e,
        n = (await this.#e.store.loadRoot(t.version)) ? void 0 : await this.#o(t);
      for (n && (await this.#s(n, t)); ; ) {
        const t = await this.#e.store.loadRoot(e.root.version + 1);
        if (!t || !(await On(() => e.loadRoot(t)))) return;
      }
    }
    async #o({ version: e }) {
      for (let t = e - 1; t > 0; t--) {
        const e = await this.#e.store.loadRoot(t),
          n = e && (await On(async () => new K(e)));
        if (n) return n;
      }
    }
    async #s(e, t) {
      const n = e.losesKey(`timestamp`, t) || e.losesKey(`snapshot`, t);
      await this.#e.store.saveRoot(t.version, t.bytes, n ? [`timestamp`, `snapshot`] : []);
    }
    async #c(e) {
      for (let t = 0; t < this.limits.rootRotations; t++) {
        const t = e.root;
        try {
          await this.metadata.first({
            name: B(`root`, t.version + 1),
            facts: { role: `root`, version: t.version + 1 },
            mayBeMissing: !0,
            maxLength: this.limits.rootLength,
            take: (t) => e.updateRoot(t),
          });
        } catch (e) {
          if (V(e)) return;
          throw e;
        }
        await this.#s(t, e.root);
      }
    }
    async #l(e) {
      await this.#f(`timestamp`, (t) => e.loadTimestamp(t));
      let t = e.timestamp,
        n = this.metadata.each({
          name: B(`timestamp`),
          facts: { role: `timestamp` },
          maxLength: this.limits.timestampLength,
          take: (t) => e.updateTimestamp(t),
        });
      for await (const r of n) r !== t && (await this.#u(e.root, r)), (t = r);
    }
    async #u(e, t) {
      const { store: n } = this.#e;
      (await n.loadRoot(e.version)) || (await n.saveRoot(e.version, e.bytes, [])), await n.saveRole(`timestamp`, t.bytes);
    }
    async #d(e, t, n, r, i) {
      if ((await this.#f(t, r), e.isFresh(t))) return;
      const { version: a, length: o } = e.listed(t),
        { bytes: s } = await this.metadata.first({
          name: B(t, e.root.consistentSnapshot ? a : void 0),
          facts: { role: t, version: a },
          maxLength: Math.min(o ?? n, n),
          take: i,
        });
      await this.#e.store.saveRole(t, s);
    }
    async #f(e, t) {
      const n = await this.#e.store.loadRole(e);
      n && (await On(() => t(n)));
    }
  };
  async function On(e) {
    try {
      return await e();
    } catch (e) {
      if (e instanceof C) return;
      throw e;
    }
  }
  async function kn(e, t, n, r) {
    try {
      const n = await e.loadFile(Z(t));
      if (n) return (await z(n, t, { path: t.path }), n);
    } catch (e) {
      r(e);
    }
    const i = await n(t);
    return (await e.saveFile(Z(t), i).catch(r), i);
  }
  function Z(e) {
    return e.hashes.sha256 ?? e.hashes.sha512 ?? ``;
  }
  var An = 6,
    jn = 50;
  async function Mn(e, t, n, r) {
    let i = await t.storedHashes(),
      a = [...new Map(Array.from(e.targets.values(), (e) => [Z(e), e])).values()],
      o = a.filter((e) => !i.has(Z(e))),
      s = (e) => e.reduce((e, t) => e + t.length, 0),
      c = s(a),
      l = a.length - o.length,
      u = c - s(o),
      d = 0,
      f = () => {
        const e = Date.now();
        (e - d < jn && l < a.length) || ((d = e), r({ files: l, totalFiles: a.length, bytes: u, totalBytes: c }));
      };
    f();
    let p = !1,
      m = await Promise.allSettled(
        Array.from({ length: An }, async () => {
          for (let e = o.shift(); e && !p; e = o.shift()) {
            try {
              await t.saveFile(Z(e), await n(e));
            } catch (e) {
              throw ((p = !0), e);
            }
            l++, (u += e.length), f();
          }
        }),
      );
    for (const e of m) if (e.status === `rejected`) throw e.reason;
  }
  async function Nn(e, t, n) {
    const { targets: r } = Bn(e),
      i = r.files.get(N);
    if (!i) throw new C(`not-found`, `The signed metadata lists no ${N}, which every release needs.`, { path: N });
    const a = [...r.files.values()];
    return {
      id: await Pn(e),
      files: a.length,
      bytes: a.reduce((e, t) => e + t.length, 0),
      ...Vn(e, t),
      targets: r.files,
      manifest: mt(await n(i)),
    };
  }
  async function Pn(e) {
    const { snapshot: t } = Bn(e),
      { hashes: n } = await Pt(t.bytes);
    return `${t.version}-${n.sha256?.slice(0, 16)}`;
  }
  function Fn(e, t) {
    return { ...e, ...Vn(t, t.root) };
  }
  function In(e) {
    return new Set(Array.from(e.targets.values(), Z));
  }
  function Ln({ trusted: e }) {
    return Object.entries(e)
      .map(([e, { version: t, expires: n }]) => ({ role: e, version: t, expires: n }))
      .reduce((e, t) => (t.expires < e.expires ? t : e));
  }
  async function Rn(e, t, n, r) {
    const i = await zn(e, t, r, 1 / 0),
      a = n.rootVersion < i.root.version,
      o = a ? await zn(e, t, r, n.rootVersion) : i;
    await o.loadTimestamp(n.timestamp), await o.loadSnapshot(n.snapshot);
    const s = await o.loadTargets(n.targets);
    return (a && (await i.root.verify(`targets`, s)), { metadata: o, newest: i.root });
  }
  async function zn(e, t, n, r) {
    const [i = new Uint8Array(), ...a] = e,
      o = await Tn.fromRoot(i, n);
    for (const e of a) o.root.version < r && (await o.loadRoot(e));
    for (; o.root.version < r; ) {
      const e = t.roots.get(o.root.version + 1);
      if (!e) break;
      try {
        await o.loadRoot(e);
      } catch {
        break;
      }
    }
    return o;
  }
  function Bn({ root: e, timestamp: t, snapshot: n, targets: r }) {
    if (!t || !n || !r) throw new C(`not-found`, `A release needs all four top-level roles.`);
    return { root: e, timestamp: t, snapshot: n, targets: r };
  }
  function Vn(e, t) {
    const { root: n, timestamp: r, snapshot: i, targets: a } = Bn(e);
    return {
      record: { rootVersion: n.version, timestamp: r.bytes, snapshot: i.bytes, targets: a.bytes },
      trusted: { root: Q(t), timestamp: Q(r), snapshot: Q(i), targets: Q(a) },
      consistentSnapshot: t.consistentSnapshot,
    };
  }
  function Q({ version: e, expires: t }) {
    return { version: e, expires: t };
  }
  var Hn = 5e3,
    Un = class {
      #e = crypto.randomUUID();
      #t;
      #n;
      #r;
      #i;
      #a;
      #o;
      #s;
      #c;
      #l;
      #u;
      #d;
      #f;
      #p;
      #m;
      #h;
      #g = 0;
      constructor(e, t, n, r, i) {
        (this.#t = e), (this.#n = t), (this.#r = n), (this.#i = r), (this.#a = i);
      }
      async releaseFor(e, t) {
        if ((await this.#v(), e === `subresource`)) this.#o || (await this.update());
        else if (
          (e === `document` && (await this.activate()),
          this.freshness() === `fresh` ? t(this.update()) : await this.#_(t),
          e === `document` && (await this.activate()),
          this.#o && this.freshness() === `frozen`)
        )
          throw Wn(this.#o);
        if (this.#o) return this.#o;
        throw this.#m ?? new C(`not-found`, `No release is there yet.`);
      }
      async read(e, t) {
        const n = await this.#T(t, this.#O(), e.consistentSnapshot);
        return (this.#g++, n);
      }
      update() {
        return (
          this.#l ||
            ((this.#l = this.#x().finally(() => {
              this.#l = void 0;
            })),
            (this.#u = Promise.race([this.#l, Kn(Hn)]))),
          this.#l
        );
      }
      async updateFromNow() {
        return (await this.#l, this.update());
      }
      activate() {
        return (
          (this.#d ??= this.#C()
            .catch(async (e) => {
              await this.#i.record(e, `storage`);
            })
            .finally(() => {
              this.#d = void 0;
            })),
          this.#d
        );
      }
      freshness() {
        if (!this.#o) return `empty`;
        const { expires: e } = Ln(this.#o),
          t = Date.now();
        return t < e ? `fresh` : t >= e + this.#o.manifest.offlineSeconds * 1e3 || this.#m?.code === `expired` ? `frozen` : `stale`;
      }
      async status(e) {
        return (
          await this.#v(),
          this.freshness() === `stale` && !this.#m && (await this.#_(e)),
          {
            life: this.#e,
            freshness: this.freshness(),
            ...this.#o?.trusted,
            ...(this.#o && { active: $(this.#o) }),
            ...(this.#s && { staged: $(this.#s) }),
            filesVerified: this.#g,
            violations: await this.#i.list(),
          }
        );
      }
      async #_(e) {
        const t = this.update();
        e(t), await (this.freshness() === `stale` ? this.#u : t);
      }
      #v() {
        return ((this.#c ??= this.#y()), this.#c);
      }
      async #y() {
        try {
          const e = await this.#r.loadState();
          (this.#o ??= await this.#b(e, e.active)), (this.#s ??= await this.#b(e, e.staged));
        } catch (e) {
          (this.#c = void 0), await this.#i.record(e, `storage`);
        }
      }
      async #b(e, t) {
        if (t)
          try {
            const { metadata: n, newest: r } = await Rn(this.#k(), e, t, Date.now()),
              i = this.#O();
            return await Nn(n, r, (e) => this.#T(e, i, r.consistentSnapshot));
          } catch (e) {
            await this.#i.record(e, `storage`);
            return;
          }
      }
      async #x() {
        try {
          await this.#v();
          const e = this.#O(),
            t = await e.refresh(),
            n = await this.#S(t, e);
          return ((this.#m = void 0), n);
        } catch (e) {
          return (
            (this.#m = I(e)),
            (this.#m.code !== `unreachable` || this.#m.facts.status !== void 0) && (await this.#i.record(e, `update`)),
            { outcome: `failed`, refusal: L(this.#m), freshness: this.freshness() }
          );
        } finally {
          (this.#f = void 0), await this.#A();
        }
      }
      async #S(e, t) {
        const n = await Pn(e);
        if ((await this.#d, n === this.#o?.id))
          return ((this.#o = Fn(this.#o, e)), await this.#r.saveRelease(`active`, this.#o.record), { outcome: `current` });
        if (n === this.#s?.id) {
          const t = Fn(this.#s, e);
          return ((this.#s = t), await this.#r.saveRelease(`staged`, t.record), { outcome: `staged`, release: $(t) });
        }
        const { root: r } = e,
          i = await Nn(e, r, (e) => this.#T(e, t, r.consistentSnapshot));
        return (
          (this.#f = i),
          await this.#r.keepFiles(this.#w()),
          await Mn(
            i,
            this.#r,
            (e) => this.#E(e, t, r.consistentSnapshot),
            (e) => void this.#a({ vouchsafe: `progress`, progress: e }),
          ),
          await this.#r.saveRelease(`staged`, i.record),
          (this.#s = i),
          this.#o
            ? (await this.#a({ vouchsafe: `staged`, release: $(i) }), { outcome: `staged`, release: $(i) })
            : (await this.#C(), { outcome: `activated`, release: $(i) })
        );
      }
      async #C() {
        await this.#v();
        const e = this.#s;
        if (e)
          return (
            await this.#r.activate(e.record),
            this.#o && (this.#p = Promise.resolve(this.#o.targets)),
            (this.#o = e),
            this.#s === e && (this.#s = void 0),
            await this.#r.keepFiles(this.#w()),
            await this.#a({ vouchsafe: `activated`, release: $(e) }),
            await this.#A(),
            $(e)
          );
      }
      #w() {
        return new Set([this.#o, this.#s, this.#f].flatMap((e) => (e ? [...In(e)] : [])));
      }
      #T(e, t, n) {
        return kn(
          this.#r,
          e,
          (e) => this.#E(e, t, n),
          (e) => void this.#i.record(e, `storage`),
        );
      }
      async #E(e, t, n) {
        this.#p ??= this.#D();
        const r = [this.#o?.targets, await this.#p].flatMap((t) => t?.get(e.path) ?? []),
          i = Math.max(e.length, ...r.map(({ length: e }) => e));
        try {
          return await t.downloadTarget(e, n, i);
        } catch (e) {
          throw Gn(e, r);
        }
      }
      async #D() {
        try {
          const e = await this.#r.loadState();
          return e.retired && (await Rn(this.#k(), e, e.retired, Date.now())).metadata.targets?.files;
        } catch {
          return;
        }
      }
      #O() {
        return new Dn({
          root: this.#k().at(-1) ?? new Uint8Array(),
          store: this.#r,
          fetch: (e, t) => fetch(e, t),
          metadataUrl: new URL(this.#t.metadata, this.#n).href,
          targetsUrl: new URL(this.#t.targets, this.#n).href,
        });
      }
      #k() {
        return this.#t.roots.map((e) => new TextEncoder().encode(e));
      }
      async #A() {
        const e = this.freshness();
        e !== this.#h && ((this.#h = e), await this.#a({ vouchsafe: `state`, freshness: e }));
      }
    };
  function Wn(e) {
    const { role: t, version: n, expires: r } = Ln(e);
    return new C(`expired`, `The ${t} signatures of this site have expired, and no newer ones came.`, {
      role: t,
      version: n,
      expected: `unexpired at ${new Date().toISOString()}`,
      actual: `expired ${new Date(r).toISOString()}`,
    });
  }
  function Gn(e, t) {
    const { code: n, facts: r } = I(e);
    return n === `mismatch` && t.some((e) => r.actual?.includes(Z(e))) ? w(e, { diagnosis: `older release` }) : e;
  }
  function Kn(e) {
    return new Promise((t) => setTimeout(t, e));
  }
  function $({ id: e, files: t, bytes: n }) {
    return { id: e, files: t, bytes: n };
  }
  var qn = class {
    #e;
    #t;
    #n = [];
    constructor(e, t) {
      (this.#e = e), (this.#t = t);
    }
    async record(e, t) {
      const n = { ...L(e), time: Date.now(), during: t };
      await Promise.all([
        this.#e.saveViolation(n).catch(() => {
          this.#n.length < 100 && this.#n.push(n);
        }),
        this.#t({ vouchsafe: `violation`, violation: n }),
      ]);
    }
    async list() {
      return [...(await this.#e.loadViolations().catch(() => [])), ...this.#n];
    }
  };
  function Jn(e) {
    const t = new URL(self.registration.scope),
      n = new Ne(t.href),
      r = new qn(n, $n),
      i = new Un(e, t, n, r, $n),
      a = Et(e, t, i, Qn);
    self.addEventListener(`fetch`, (e) => e.respondWith(Yn(e, a, r).catch(Xn))),
      self.addEventListener(`message`, (e) => {
        const t = e.data,
          n = e.ports[0];
        n && t?.vouchsafe && e.waitUntil(Zn(i, t, e).then((e) => n.postMessage(e)));
      }),
      self.addEventListener(`install`, (e) => {
        self.skipWaiting(), e.waitUntil(er(e).catch(() => {}));
      }),
      ae();
  }
  async function Yn(e, t, n) {
    try {
      return await t({ event: e, request: e.request, url: new URL(e.request.url) });
    } catch (t) {
      return (e.waitUntil(n.record(t, `request`)), Ot(e.request, L(t)));
    }
  }
  function Xn() {
    return new Response(null, { status: 503 });
  }
  async function Zn(e, t, n) {
    try {
      switch (t.vouchsafe) {
        case `status`:
          return { ok: !0, value: await e.status((e) => n.waitUntil(e)) };
        case `update`:
          return { ok: !0, value: await e.updateFromNow() };
        case `activate`:
          return { ok: !0, value: { activated: await e.activate() } };
        default:
          throw new C(`unsupported`, `Unknown request.`);
      }
    } catch (e) {
      return { ok: !1, refusal: L(e) };
    }
  }
  async function Qn() {
    return (await self.clients.matchAll({ type: `window` })).every(({ frameType: e }) => e === `nested`);
  }
  async function $n(e) {
    try {
      const t = await self.clients.matchAll({ includeUncontrolled: !0, type: `window` });
      for (const n of t) n.url.startsWith(self.registration.scope) && n.postMessage(e);
    } catch {}
  }
  async function er(e) {
    await e.addRoutes?.({ condition: { urlPattern: { pathname: `/*` } }, source: `fetch-event` });
  }
  self.addEventListener(`install`, (e) => e.waitUntil(ne())), Jn(self.vouchsafe);
})();
