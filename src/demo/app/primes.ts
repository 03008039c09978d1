/** A web worker: counts the primes below the number it is sent. */
const count = (limit: number): number => {
  const composite = new Uint8Array(limit);
  let primes = 0;
  for (let n = 2; n < limit; n++) {
    if (composite[n] === 1) continue;
    primes++;
    for (let multiple = n * n; multiple < limit; multiple += n) composite[multiple] = 1;
  }
  return primes;
};

self.addEventListener('message', ({ data }: MessageEvent<number>) => {
  self.postMessage(count(data));
});
