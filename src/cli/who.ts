// Who sits at the command line, for the log: the account on this host, also behind sudo.

import { userInfo } from "node:os";

export function whoAsks(): string {
  const sudoer = process.env["SUDO_USER"];
  if (sudoer !== undefined && sudoer !== "") return sudoer;
  try {
    return userInfo().username;
  } catch {
    return `uid-${process.getuid?.() ?? "unknown"}`;
  }
}
