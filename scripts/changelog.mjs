/** The CHANGELOG as text: its sections, and how changes get into one. */

/** In the order in which they stand. */
const kinds = ['Added', 'Changed', 'Deprecated', 'Removed', 'Fixed', 'Security'];
const kindOfBump = { major: 'Changed', minor: 'Added', patch: 'Fixed' };

/**
 * What the section of a version says, without its heading; `date` is `unreleased` for what nobody has yet.
 * Undefined where there is no such section.
 */
export function sectionOf(changelog, version) {
  const sections = changelog.split(/^(?=## \[)/m);
  const text = sections.find((section) => section.startsWith(`## [${version}]`));
  if (text === undefined) return undefined;
  const [heading, ...lines] = text.split('\n');
  const date = /^## \[[^\]]+\] - (\d{4}-\d{2}-\d{2}|unreleased)$/.exec(heading)?.[1];
  return { text, heading, date, body: lines.join('\n').trim() };
}

/** Whether something is noted below [Unreleased], where no release would find it. */
export function unsortedEntries(changelog) {
  return /^(- |### )/m.test(sectionOf(changelog, 'Unreleased')?.text ?? '');
}

/** What a release says of itself elsewhere: the section, whose links lead into `repository` (owner/name), where that is known. */
export function notesOf(changelog, version, repository) {
  const { body } = sectionOf(changelog, version);
  if (repository === undefined) return body;
  return body.replace(/\]\((?!https?:|#)([^)]+)\)/g, `](https://github.com/${repository}/blob/v${version}/$1)`);
}

/** A file of `.changeset`: how large the change is, of which kind, and what it says. @throws where it is not as its README says */
export function readChange(file, content) {
  const [, bump, said = ''] = /^---\n['"]?panelet['"]?: (major|minor|patch)\n---\n([^]*)$/.exec(content) ?? [];
  if (bump === undefined) throw new Error(`${file} does not begin as .changeset/README.md says.`);
  const [, kind, rest] = /^(\w+): ([^]+)$/.exec(said.trim()) ?? [];
  const isKind = kinds.includes(kind);
  const text = isKind ? rest : said.trim();
  if (text === '') throw new Error(`${file} says nothing.`);
  return { bump, kind: isKind ? kind : kindOfBump[bump], text };
}

/** A body with changes put behind what it has of their kind. */
function withChanges(body, changes) {
  const parts = body.split(/^(?=### )/m).map((part) => part.trim());
  for (const kind of kinds) {
    const lines = changes
      .filter((change) => change.kind === kind)
      .map(({ text }) => `- ${text.replace(/\n+/g, '\n  ')}`);
    if (lines.length === 0) continue;
    const at = parts.findIndex((part) => part.startsWith(`### ${kind}\n`));
    if (at >= 0) parts[at] = `${parts[at]}\n${lines.join('\n')}`;
    else parts.push(`### ${kind}\n\n${lines.join('\n')}`);
  }
  return parts.filter((part) => part !== '').join('\n\n');
}

/**
 * The CHANGELOG with a section of a version that is released on that date: the one that is there and unreleased, or a new one
 * below [Unreleased]. @throws where the version has been released, or there is nothing to release
 */
export function release(changelog, { version, date, changes }) {
  const before = sectionOf(changelog, version);
  if (before !== undefined && before.date !== 'unreleased')
    throw new Error(`${version} has been released: ${before.heading}`);
  const body = withChanges(before?.body ?? '', changes);
  if (body === '') throw new Error('Nothing is to be released: neither CHANGELOG.md nor .changeset says anything.');
  const section = `## [${version}] - ${date}\n\n${body}\n`;
  if (before !== undefined)
    return changelog.replace(before.text, () => (changelog.endsWith(before.text) ? section : `${section}\n`));
  const next = changelog.search(/^## \[\d/m);
  return next < 0
    ? `${changelog.trim()}\n\n${section}`
    : `${changelog.slice(0, next)}${section}\n${changelog.slice(next)}`;
}
