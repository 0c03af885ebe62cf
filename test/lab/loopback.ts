// Loopback addresses that nothing else on the machine uses, so that servers and peers of several test files can
// listen on fixed ports at the same time. Linux answers on all of 127.0.0.0/8. Sockets still come from 127.0.0.1
// unless they bind another source.

let given = 0;

/** A new address for this process: 127, a counter, and 16 bits of the process id. */
export function loopbackAddress(): string {
  given++;
  if (given > 250) throw new Error("A test file wants more than 250 loopback addresses.");
  return `127.${given + 1}.${(process.pid >> 8) & 0xff}.${process.pid & 0xff}`;
}
