importScripts('worker-part.js');
void fetch('data.json')
  .then((response) => response.json())
  .then(
    ({ says }) => self.postMessage(`${self.part} and ${says}`),
    () => self.postMessage('refused'),
  );
