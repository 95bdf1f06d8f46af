/** Where the version of Panelet stands: package.json says it, all others have to agree. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const guides = readdirSync('docs/guide').map((name) => join('docs/guide', name));
const inGuides = [
  /(?<=registry\.example\/panelet:)\d+\.\d+\.\d+/g,
  /(?<=panelet-)\d+\.\d+\.\d+(?=\.tgz)/g,
  /(?<=ghcr\.io\/OWNER\/[\w/]+:)\d+\.\d+\.\d+/g,
  /(?<=refs\/tags\/v)\d+\.\d+\.\d+/g,
  /(?<=VERSION=)\d+\.\d+\.\d+/g,
];

/** Files, and what finds the version in each; where `isNeeded`, it has to be there. */
const places = [
  { file: 'package-lock.json', pattern: /(?<="name": "panelet",\n\s+"version": ")[^"]+/g, isNeeded: true },
  { file: 'charts/panelet/Chart.yaml', pattern: /(?<=^version: ).+/gm, isNeeded: true },
  { file: 'charts/panelet/Chart.yaml', pattern: /(?<=^appVersion: ).+/gm, isNeeded: true },
  { file: 'examples/client-python/pyproject.toml', pattern: /(?<=^version = ")[^"]+/gm, isNeeded: true },
  ...guides.flatMap((file) => inGuides.map((pattern) => ({ file, pattern, isNeeded: false }))),
];

/** The version that package.json says. */
export function versionOfPackage() {
  return JSON.parse(readFileSync('package.json', 'utf8')).version;
}

/** What says another version, in sentences; empty where all agree. */
export function disagreements(version) {
  return places.flatMap(({ file, pattern, isNeeded }) => {
    const found = readFileSync(file, 'utf8').match(pattern) ?? [];
    if (isNeeded && found.length === 0) return [`${file} names no version.`];
    return found
      .filter((other) => other !== version)
      .map((other) => `${file} says ${other}, and package.json ${version}.`);
  });
}

/** Writes a version wherever one stands but in package.json. */
export function writeVersion(version) {
  for (const { file, pattern } of places) {
    const text = readFileSync(file, 'utf8');
    const changed = text.replace(pattern, version);
    if (changed !== text) writeFileSync(file, changed);
  }
}
