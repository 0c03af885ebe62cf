// nftables (Linux): filters on the forward hook, source validation on prerouting, in one table of the family inet.

import { failure, success } from "../../../base/result.ts";
import { headerLines } from "../../target.ts";
import type { Target } from "../../target.ts";
import { capabilities } from "./capabilities.ts";
import { Unreadable } from "./lexer.ts";
import { parseTable } from "./parse.ts";
import { buildTable, tableName } from "./print.ts";
import { readTable } from "./read.ts";
import { writeTable } from "./write.ts";

export const nftables: Target = {
  name: "nftables",
  capabilities,
  render: (program, options) => {
    const table = buildTable(program, options);
    if (!table.ok) return table;
    return success([{ path: "sekimori.nft", text: writeTable(table.value, headerLines("nftables", options)) }]);
  },
  parse: (files, context) => {
    const [file, second] = files;
    if (file === undefined || second !== undefined) {
      return failure({ path: second?.path ?? "", line: 1, message: "a ruleset is one text" });
    }
    try {
      return success(readTable(file.path, parseTable(file.path, file.text, tableName), context));
    } catch (error) {
      if (error instanceof Unreadable) return failure(error.problem);
      throw error;
    }
  },
};
