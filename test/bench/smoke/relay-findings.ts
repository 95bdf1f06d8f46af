import type { Finding } from './finding.js';

/** What a run of `bench:relay` must show. */
export interface RelayExpectation {
  readonly rows: readonly { readonly table: string; readonly title: string }[];
  /** Peers that every machine has. */
  readonly peers: readonly string[];
  /** Peers that are packages of the system: measured, or said to be missing. They may stall, as HAProxy does. */
  readonly optionalPeers: readonly string[];
  /** Tables in which a peer without a process has a dash. */
  readonly dashFor: string;
}

interface Table {
  readonly peers: readonly string[];
  readonly rows: ReadonlyMap<string, readonly string[]>;
}

const number = /^-?\d[\d,]*(\.\d+)?( \(×-?\d+(\.\d+)?\))?$/;

/** Looks for every row in the printed tables, with a number for every peer; how large it is does not matter. */
export function relayFindings(output: string, expected: RelayExpectation): readonly Finding[] {
  const tables = readTables(output);
  const rows = expected.rows.map(({ table, title }) => {
    const found = tables.get(table);
    return { name: `${table}: ${title}`, problem: problemOf(found, found?.rows.get(title), expected) };
  });
  const [some] = tables.values();
  const optional = expected.optionalPeers.map((peer) => {
    const named = some?.peers.includes(peer) === true || output.includes(`${peer}: skipped, not installed`);
    return { name: `${peer} is measured or said to be missing`, problem: named ? undefined : 'It is neither.' };
  });
  return [...rows, ...optional];
}

function problemOf(
  table: Table | undefined,
  cells: readonly string[] | undefined,
  { peers, optionalPeers, dashFor }: RelayExpectation,
): string | undefined {
  if (table === undefined || cells === undefined) return 'The row is missing.';
  const missing = peers.filter((peer) => !table.peers.includes(peer));
  if (missing.length > 0) return `No column for ${missing.join(', ')}.`;
  const wrong = table.peers.flatMap((peer, index) => {
    const cell = cells[index] ?? '';
    const allowed =
      number.test(cell) || (cell === '–' && peer === dashFor) || (cell === 'stalls' && optionalPeers.includes(peer));
    return allowed ? [] : [`${peer} has “${cell}”`];
  });
  return wrong.length > 0 ? `${wrong.join(', ')}.` : undefined;
}

function readTables(output: string): ReadonlyMap<string, Table> {
  const tables = new Map<string, Table>();
  for (const section of output.split(/^### /m).slice(1)) {
    const [title = '', ...lines] = section.split('\n');
    const [header, , ...rows] = lines.filter((line) => line.startsWith('|')).map(cellsOf);
    if (header !== undefined) {
      tables.set(title.trim(), {
        peers: header.slice(1),
        rows: new Map(rows.map(([name = '', ...cells]) => [name, cells])),
      });
    }
  }
  return tables;
}

function cellsOf(line: string): string[] {
  return line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());
}
