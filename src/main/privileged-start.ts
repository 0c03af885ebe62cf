// Ports below 1024 are bound by the mail thread, ids are changed by the main thread, and between the two no connection may be
// accepted and no file made as root. So the mail thread stands still while main changes ids, and binds in one turn of
// its loop: a connection is accepted in a later one.
//
//   mail                            main
//   wanted, waits          ──►      raise
//   binds                  ◄──
//   done, waits            ──►      drop
//   goes on                ◄──

import type { LoweredPrivileges } from "../io/privileges.ts";

/** Longer means that main is gone or hangs. */
const PATIENCE = 30_000;

/** In the mail thread. `bind` must not wait for anything but its own sockets. */
export async function bindPrivileged<T>(
  shared: SharedArrayBuffer,
  post: (step: "wanted" | "done") => void,
  bind: () => Promise<T>,
): Promise<T> {
  const turn = new Int32Array(shared);
  const wait = (step: "wanted" | "done", from: number): void => {
    post(step);
    if (Atomics.wait(turn, 0, from, PATIENCE) === "timed-out")
      throw new Error("the main thread does not change privileges");
  };
  wait("wanted", 0);
  try {
    return await bind();
  } finally {
    wait("done", 1);
  }
}

/** In main: the answer to a step. The thread goes on whatever happens here, or it could not even be ended. */
export function changePrivileges(
  shared: SharedArrayBuffer,
  step: "wanted" | "done",
  privileges: LoweredPrivileges,
): void {
  const turn = new Int32Array(shared);
  try {
    if (step === "wanted") privileges.raise();
    else privileges.drop();
  } finally {
    Atomics.store(turn, 0, step === "wanted" ? 1 : 2);
    Atomics.notify(turn, 0);
  }
}
