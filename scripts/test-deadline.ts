// Loaded into every test file's process by scripts/test.ts: ends one that does not end by itself and says what
// kept it alive. Not a test's own timeout: that would leave the process, and whatever it holds, running.

const limit = Number(process.env["SEKIMORI_TEST_DEADLINE"] ?? 0);
if (limit > 0) {
  setTimeout(() => {
    const held = process.getActiveResourcesInfo().join(", ");
    process.stderr.write(`This file did not end within ${limit / 1000} s; still open: ${held}\n`);
    process.exit(1);
  }, limit).unref();
}
