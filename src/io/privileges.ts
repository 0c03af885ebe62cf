// From root to a user without privileges (`[process] user`). Two ways:
//
//   becomeUser       at once and for good: commands that work on the files of a stopped server
//   lowerPrivileges  for files at once, so that nothing is ever made as root; `raise` is the way back while ports are bound,
//                    `drop` the end of it: real, effective and saved ids, in every thread (glibc changes all threads together,
//                    as POSIX wants; setuid(2))
//
// Linux keeps no capability over that change, so a port below 1024 cannot be bound again afterwards.

import { chownSync, closeSync, existsSync, lstatSync, mkdirSync, openSync, readdirSync } from "node:fs";
import { userInfo } from "node:os";
import { dirname, join } from "node:path";

export interface ProcessUser {
  readonly user: string;
  readonly group: string;
}

export interface LoweredPrivileges {
  raise(): void;
  /** Back after `raise`. */
  lower(): void;
  /** Throws when the way back is still open after it. */
  drop(): void;
}

/**
 * undefined when there is nothing to lower: the process runs as that user already. Throws for a person to read: no such
 * user, neither root nor that user, or one who may not read this program.
 */
export function lowerPrivileges(
  { user, group }: ProcessUser,
  directories: readonly string[],
): LoweredPrivileges | undefined {
  if (process.geteuid!() !== 0) {
    if (nameOf() === user) return undefined;
    throw new Error(`only root can become ${user}`);
  }
  try {
    initGroups(user, group);
    process.setegid!(group);
    process.seteuid!(user);
  } catch (error) {
    process.seteuid!(0);
    throw new Error(`no such user or group: ${user}, ${group}`, { cause: error });
  }
  const [uid, gid] = [process.geteuid!(), process.getegid!()];
  if (uid === 0) throw new Error(`${user} is root by another name`);
  process.seteuid!(0);
  for (const directory of directories) own(directory, uid, gid, user);
  process.seteuid!(uid);
  mustReadProgram(user);
  return {
    raise: () => process.seteuid!(0),
    lower: () => process.seteuid!(uid),
    drop: () => {
      process.seteuid!(0);
      process.setgid!(gid);
      process.setuid!(uid);
      if (canReturn()) throw new Error(`privileges are still there after becoming ${user}`);
    },
  };
}

export function becomeUser(user: ProcessUser, directories: readonly string[]): void {
  if (process.geteuid!() === 0) lowerPrivileges(user, directories)?.drop();
}

/** Threads are started from its files later on, and commands read more of them. */
function mustReadProgram(user: string): void {
  try {
    closeSync(openSync(import.meta.filename, "r"));
  } catch (error) {
    const root = join(import.meta.dirname, "../..");
    throw new Error(`${user} cannot read this program in ${root}: move it to where others may read it`, {
      cause: error,
    });
  }
}

/** Made for the user when it is not there; what is there must be the user's already, for nobody expects a chown -R. */
function own(directory: string, uid: number, gid: number, user: string): void {
  if (!existsSync(directory)) {
    mkdirSync(dirname(directory), { recursive: true });
    mkdirSync(directory, { mode: 0o750 });
    chownSync(directory, uid, gid);
  }
  const paths = [directory, ...readdirSync(directory).map((name) => join(directory, name))];
  const foreign = paths.find((path) => lstatSync(path).uid !== uid);
  if (foreign === undefined) return;
  throw new Error(`${foreign} does not belong to ${user}: chown -R ${user} ${directory}`);
}

/** The types of Node lack it. */
function initGroups(user: string, group: string): void {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  (process as unknown as { initgroups(user: string, group: string): void }).initgroups(user, group);
}

function nameOf(): string | undefined {
  try {
    return userInfo().username;
  } catch {
    // An id without a name.
    return undefined;
  }
}

function canReturn(): boolean {
  try {
    process.setuid!(0);
    return true;
  } catch {
    return false;
  }
}
