// What a disk may hold after the power went: a log of file operations (shim/powercut.c) played on the tree that was there before.
//
// Kept for certain: octets and lengths that an fsync or fdatasync of the file covers, names that an fsync of their directory covers.
// Everything later is chance, for each file and directory on its own: none of it, all of it, a part up to some moment with the last
// write torn at any octet, or any 512-octet blocks and any names of it. A rename between directories is two changes of names. This is about what POSIX
// allows; ext4 promises more (a rename is one change there, and a synced new file keeps its name).
//
// Not in it: octets outside of a write that change (SQLite calls that powersafe overwrite), files mapped into memory.

import { chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A directory is a map, a file its octets. */
export type Tree = Map<string, Tree | Buffer>;

export type Operation =
  | { readonly kind: "open"; readonly inode: bigint; readonly path: string }
  | { readonly kind: "write"; readonly inode: bigint; readonly offset: number; readonly octets: Buffer }
  | { readonly kind: "truncate"; readonly inode: bigint; readonly length: number }
  /** Covers the operations before the `covers`-th. */
  | { readonly kind: "sync"; readonly inode: bigint; readonly covers: number }
  | { readonly kind: "rename" | "link"; readonly from: string; readonly to: string }
  | { readonly kind: "remove" | "make-directory"; readonly path: string };

/** Written by SQLite through mmap, and made anew by the first who opens the database after a crash. */
const notKept = /-shm$/;
const blockLength = 512;
const headLength = 24;

/** The log of the shim. A record that the kill cut short is the end. */
export function parseLog(log: Buffer): readonly Operation[] {
  const operations: Operation[] = [];
  for (let at = 0; at + headLength <= log.length;) {
    const length = log.readUInt32LE(at);
    const end = at + headLength + length;
    if (end > log.length) break;
    const inode = log.readBigUInt64LE(at + 8);
    const value = Number(log.readBigUInt64LE(at + 16));
    operations.push(operationOf(log.readUInt32LE(at + 4), inode, value, log.subarray(at + headLength, end)));
    at = end;
  }
  return operations;
}

function operationOf(kind: number, inode: bigint, value: number, octets: Buffer): Operation {
  const [path = "", to = ""] = kind === 2 ? [] : octets.toString().split("\0");
  switch (kind) {
    case 1:
      return { kind: "open", inode, path };
    case 2:
      return { kind: "write", inode, offset: value, octets };
    case 3:
      return { kind: "truncate", inode, length: value };
    case 4:
      return { kind: "sync", inode, covers: value };
    case 5:
      return { kind: "rename", from: path, to };
    case 6:
      return { kind: "remove", path };
    case 7:
      return { kind: "make-directory", path };
    case 8:
      return { kind: "link", from: path, to };
    default:
      throw new Error(`the log has a record of kind ${kind}`);
  }
}

type Change = { readonly at: number } & (
  | { readonly kind: "write"; readonly offset: number; readonly octets: Buffer }
  | { readonly kind: "truncate"; readonly length: number }
);

interface File {
  readonly kind: "file";
  readonly content: Buffer;
  readonly changes: Change[];
  /** Changes before this one are on the disk. */
  synced: number;
}

/** Names that are set, or removed where the node is undefined; one change is whole or not there. */
interface NameChange {
  readonly at: number;
  readonly names: readonly (readonly [name: string, node: Node | undefined])[];
}

interface Folder {
  readonly kind: "folder";
  /** As they were at the beginning. */
  readonly names: ReadonlyMap<string, Node>;
  /** As the processes see them. */
  readonly current: Map<string, Node>;
  readonly changes: NameChange[];
  synced: number;
}

type Node = File | Folder;

/** What is left of what no sync covers. */
type Fate = "chance" | "everything";

/** `root`: the directory's path, as the log writes it. */
export function imageAfter(
  before: Tree,
  operations: readonly Operation[],
  root: string,
  fate: Fate,
  random: () => number,
): Tree {
  const top = folderOf(before);
  const inodes = new Map<bigint, Node>();

  const parentOf = (path: string): readonly [folder: Folder, name: string] => {
    const names = path.slice(root.length).split("/").filter(Boolean);
    const name = names.pop() ?? "";
    let folder = top;
    for (const each of names) {
      const next = folder.current.get(each);
      if (next?.kind !== "folder") throw new Error(`${path}: the log knows no directory ${each}`);
      folder = next;
    }
    return [folder, name];
  };
  const open = (at: number, path: string): Node => {
    if (path === root) return top;
    const [folder, name] = parentOf(path);
    const known = folder.current.get(name);
    if (known !== undefined) return known;
    const made: File = { kind: "file", content: Buffer.alloc(0), changes: [], synced: 0 };
    change(folder, at, [name, made]);
    return made;
  };
  const fileOf = (inode: bigint): File => {
    const node = inodes.get(inode);
    if (node?.kind !== "file") throw new Error(`the log writes to inode ${inode}, which it never opened`);
    return node;
  };

  for (const [at, operation] of operations.entries()) {
    switch (operation.kind) {
      case "open":
        inodes.set(operation.inode, open(at, operation.path));
        break;
      case "write":
        fileOf(operation.inode).changes.push({ at, ...operation });
        break;
      case "truncate":
        fileOf(operation.inode).changes.push({ at, ...operation });
        break;
      case "sync": {
        const node = inodes.get(operation.inode);
        if (node !== undefined) node.synced = Math.max(node.synced, operation.covers);
        break;
      }
      case "rename": {
        const [from, name] = parentOf(operation.from);
        const [to, newName] = parentOf(operation.to);
        const node = from.current.get(name);
        if (node === undefined) throw new Error(`the log renames ${operation.from}, which is not there`);
        if (from === to) change(from, at, [newName, node], [name, undefined]);
        else {
          change(to, at, [newName, node]);
          change(from, at, [name, undefined]);
        }
        break;
      }
      case "link": {
        const [from, name] = parentOf(operation.from);
        const [to, newName] = parentOf(operation.to);
        change(to, at, [newName, from.current.get(name)]);
        break;
      }
      case "remove": {
        const [folder, name] = parentOf(operation.path);
        change(folder, at, [name, undefined]);
        break;
      }
      case "make-directory": {
        const [folder, name] = parentOf(operation.path);
        change(folder, at, [name, folderOf(new Map())]);
        break;
      }
      default:
        operation satisfies never;
    }
  }
  return treeOf(top, fate, random);
}

function change(folder: Folder, at: number, ...names: NameChange["names"]): void {
  folder.changes.push({ at, names });
  for (const [name, node] of names) {
    if (node === undefined) folder.current.delete(name);
    else folder.current.set(name, node);
  }
}

function folderOf(tree: Tree): Folder {
  const names = new Map<string, Node>();
  for (const [name, entry] of tree) {
    const node = Buffer.isBuffer(entry)
      ? ({ kind: "file", content: entry, changes: [], synced: 0 } satisfies File)
      : folderOf(entry);
    names.set(name, node);
  }
  return { kind: "folder", names, current: new Map(names), changes: [], synced: 0 };
}

/** Which of the changes that no sync covers are there, and whether the last of a cut row is torn. */
function survivors(
  fate: Fate,
  count: number,
  random: () => number,
): (index: number) => "whole" | "torn" | "blocks" | "gone" {
  if (fate === "everything") return () => "whole";
  const kind = random();
  if (kind < 0.25) return () => "gone";
  if (kind < 0.4) return () => "whole";
  if (kind < 0.7) {
    const cut = Math.floor(random() * count);
    return (index) => (index < cut ? "whole" : index === cut ? "torn" : "gone");
  }
  return () => (random() < 0.3 ? "gone" : "blocks");
}

function treeOf(folder: Folder, fate: Fate, random: () => number): Tree {
  const nodes = new Map(folder.names);
  const later = folder.changes.filter(({ at }) => at >= folder.synced);
  const survives = survivors(fate, later.length, random);
  for (const { at, names } of folder.changes) {
    const left = at < folder.synced ? "whole" : survives(later.findIndex((each) => each.at === at));
    if (left === "gone" || left === "torn") continue;
    for (const [name, node] of names) {
      if (node === undefined) nodes.delete(name);
      else nodes.set(name, node);
    }
  }
  const tree: Tree = new Map();
  for (const [name, node] of nodes) {
    if (notKept.test(name)) continue;
    tree.set(name, node.kind === "file" ? contentOf(node, fate, random) : treeOf(node, fate, random));
  }
  return tree;
}

function contentOf({ content, changes, synced }: File, fate: Fate, random: () => number): Buffer {
  if (changes.length === 0) return content;
  const survives = survivors(fate, changes.filter(({ at }) => at >= synced).length, random);
  let length = content.length;
  let octets = Buffer.from(content);
  const write = (offset: number, piece: Buffer): void => {
    const end = offset + piece.length;
    if (end > octets.length) {
      const larger = Buffer.alloc(Math.max(end, octets.length * 2));
      octets.copy(larger, 0, 0, length);
      octets = larger;
    }
    piece.copy(octets, offset);
    length = Math.max(length, end);
  };
  let index = 0;
  for (const each of changes) {
    const left = each.at < synced ? "whole" : survives(index++);
    if (left === "gone") continue;
    if (each.kind === "truncate") {
      if (left === "torn") continue;
      write(each.length, Buffer.alloc(0));
      octets.fill(0, each.length);
      length = each.length;
      continue;
    }
    const { offset, octets: piece } = each;
    if (left === "whole") write(offset, piece);
    else if (left === "torn") write(offset, piece.subarray(0, Math.floor(random() * piece.length)));
    else {
      for (let from = 0; from < piece.length;) {
        const to = Math.min(piece.length, from + blockLength - ((offset + from) % blockLength));
        if (random() < 0.5) write(offset + from, piece.subarray(from, to));
        from = to;
      }
    }
  }
  return octets.subarray(0, length);
}

/** Sockets and pipes are nothing that a disk keeps. */
export function readTree(path: string): Tree {
  const tree: Tree = new Map();
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const below = join(path, entry.name);
    if (entry.isDirectory()) tree.set(entry.name, readTree(below));
    else if (entry.isFile() && !notKept.test(entry.name)) tree.set(entry.name, readFileSync(below));
  }
  return tree;
}

/** Makes the directory hold this and nothing else. Modes as the server gives them: for the owner alone. */
export function writeTree(path: string, tree: Tree): void {
  const mode = lstatSync(path).mode & 0o7777;
  for (const name of readdirSync(path)) rmSync(join(path, name), { recursive: true });
  fill(path, tree);
  chmodSync(path, mode);
}

function fill(path: string, tree: Tree): void {
  for (const [name, entry] of tree) {
    const below = join(path, name);
    if (Buffer.isBuffer(entry)) writeFileSync(below, entry, { mode: 0o600 });
    else {
      mkdirSync(below, { mode: 0o700 });
      fill(below, entry);
    }
  }
}

/** Where two trees differ, by path. */
export function differences(one: Tree, other: Tree, path = ""): readonly string[] {
  const found: string[] = [];
  for (const name of new Set([...one.keys(), ...other.keys()])) {
    const below = `${path}/${name}`;
    const [left, right] = [one.get(name), other.get(name)];
    if (left === undefined || right === undefined) found.push(`${below} is in one only`);
    else if (Buffer.isBuffer(left) !== Buffer.isBuffer(right)) found.push(`${below} is a file in one only`);
    else if (Buffer.isBuffer(left)) {
      if (!left.equals(right as Buffer)) found.push(`${below} has other octets`);
    } else found.push(...differences(left, right as Tree, below));
  }
  return found;
}
