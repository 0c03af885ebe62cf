// The results of the lab for people: text for a terminal, and one HTML page that needs nothing beside it.

import { html, page } from "../page.ts";
import type { ConversationResult } from "./hold.ts";
import type { CellResult, ScenarioResult } from "./run.ts";
import { destinations, targets } from "./scenarios.ts";

const legend = "Y open · R reset · U prohibited (ICMP) · - silence; where IPv4 and IPv6 differ, both";

export function labText(result: ScenarioResult): string {
  const { scenario, passed, conversations } = result;
  if (scenario.kind === "update") {
    const faults = result.faults.map((fault) => `  ✗ ${fault}`);
    return [`${passed ? "✓" : "✗"} ${scenario.title}`, ...result.notes.map((note) => `  ${note}`), ...faults, ""].join(
      "\n",
    );
  }
  if (scenario.kind === "conversation") {
    const lines = conversations.flatMap((held) => [
      `  ${headOf(held)}`,
      ...held.faults.map((fault) => `    ✗ ${fault}`),
    ]);
    const faults = result.faults.map((fault) => `  ✗ ${fault}`);
    return [`${passed ? "✓" : "✗"} ${scenario.title}`, ...lines, ...faults, ""].join("\n");
  }
  const width = 11;
  const columns = columnsOf(result);
  const header = `${"".padEnd(width)}${columns.map((name) => name.padEnd(width)).join("")}`.trimEnd();
  const rows = rowsOf(result).map(({ source, cells }) =>
    `${source.padEnd(width)}${cells.map((cell) => shown(cell).padEnd(width)).join("")}`.trimEnd(),
  );
  const faults = faultsOf(result).map((fault) => `  ✗ ${fault}`);
  return [`${passed ? "✓" : "✗"} ${scenario.title}`, header, ...rows, ...faults, ""].join("\n");
}

export function labPage(results: readonly ScenarioResult[], made: string): string {
  const passed = results.filter((result) => result.passed).length;
  return page(
    "Sekimori lab",
    [
      `<p>${passed} of ${results.length} scenarios came out as they must. ${html(legend)}. Made ${html(made)}.</p>`,
      ...results.map(section),
    ].join("\n"),
  );
}

/** What came back to what, in short: its codes. */
function headOf({ title, from, to, family, lines, faults }: ConversationResult): string {
  const codes = lines.map(({ answer }) => answer.slice(0, 3)).join(" ");
  return `${faults.length === 0 ? "✓" : "✗"} ${title}: ${from} → ${to}, IPv${family}: ${codes}`;
}

function conversationHtml(held: ConversationResult): string {
  const { title, from, to, family, lines, faults } = held;
  const rows = lines.map(
    ({ said, answer }) => `<tr><td class="text">${html(said)}</td><td class="text">${html(answer)}</td></tr>`,
  );
  return [
    `<h3>${faults.length === 0 ? "✓" : "✗"} ${html(`${title}: ${from} → ${to}, IPv${family}`)}</h3>`,
    `<table><tbody>${rows.join("")}</tbody></table>`,
    faults.length === 0 ? "" : `<ul>${faults.map((fault) => `<li>${html(fault)}</li>`).join("")}</ul>`,
  ].join("\n");
}

function section(result: ScenarioResult): string {
  const { scenario, passed, counted } = result;
  if (scenario.kind === "conversation" || scenario.kind === "update") {
    return [
      `<section id="${html(scenario.id)}" class="${passed ? "good" : "bad"}">`,
      `<h2>${passed ? "✓" : "✗"} ${html(scenario.title)}</h2>`,
      ...result.conversations.map(conversationHtml),
      ...result.notes.map((note) => `<p>${html(note)}</p>`),
      ...result.faults.map((fault) => `<p>${html(fault)}</p>`),
      "</section>",
    ].join("\n");
  }
  const head = columnsOf(result).map((name) => `<th>${html(name)}</th>`);
  const rows = rowsOf(result).map(
    ({ source, cells }) => `<tr><th>${html(source)}</th>${cells.map(cellHtml).join("")}</tr>`,
  );
  const faults = faultsOf(result).map((fault) => `<li>${html(fault)}</li>`);
  return [
    `<section id="${html(scenario.id)}" class="${passed ? "good" : "bad"}">`,
    `<h2>${passed ? "✓" : "✗"} ${html(scenario.title)}</h2>`,
    `<table><thead><tr><th></th>${head.join("")}</tr></thead><tbody>${rows.join("")}</tbody></table>`,
    `<p>Packets that the filter counted as blocked: ${counted}.</p>`,
    faults.length === 0 ? "" : `<ul>${faults.join("")}</ul>`,
    "</section>",
  ].join("\n");
}

function cellHtml(cell: readonly CellResult[]): string {
  const faults = cell.flatMap((each) => each.faults);
  const kind = faults.length > 0 ? "bad" : cell.every(({ got }) => got === "Y") ? "open" : "shut";
  return `<td class="${kind}" title="${html(faults.join("; "))}">${html(shown(cell))}</td>`;
}

function columnsOf({ scenario }: ScenarioResult): readonly string[] {
  return (scenario.kind === "matrix" ? destinations : targets).map(({ host, port }) => `${host}:${port}`);
}

/** By source and column, the results of both families. */
function rowsOf({ cells }: ScenarioResult): readonly { readonly source: string; readonly cells: CellResult[][] }[] {
  const rows = new Map<string, Map<string, CellResult[]>>();
  for (const cell of cells) {
    const row = rows.get(cell.source) ?? new Map<string, CellResult[]>();
    rows.set(cell.source, row);
    const column = `${cell.destination}:${cell.port}`;
    row.set(column, [...(row.get(column) ?? []), cell]);
  }
  return [...rows].map(([source, row]) => ({ source, cells: [...row.values()] }));
}

function shown(cell: readonly CellResult[]): string {
  const [first, ...rest] = cell.map(({ got }) => got);
  return rest.every((got) => got === first) ? first! : [first, ...rest].join("/");
}

function faultsOf({ cells, faults }: ScenarioResult): readonly string[] {
  return [
    ...faults,
    ...cells.flatMap(({ source, destination, port, family, faults: own }) =>
      own.map((fault) => `${source} → ${destination}:${port}, IPv${family}: ${fault}`),
    ),
  ];
}
