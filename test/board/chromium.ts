import { existsSync } from 'node:fs';
import { describe } from '@jest/globals';
import puppeteer, { type Browser } from 'puppeteer-core';

const places = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome-stable'];

/** Tests in a browser: they fail where continuous integration has none, and are skipped by name elsewhere. */
export function describeInChromium(): typeof describe | typeof describe.skip {
  return findChromium() !== undefined || process.env['CI'] !== undefined ? describe : describe.skip;
}

/** Starts the Chromium of this machine. @throws where there is none */
export async function startChromium(): Promise<Browser> {
  const executablePath = findChromium();
  if (executablePath === undefined)
    throw new Error('There is no Chromium: apt-get install --no-install-recommends chromium fonts-dejavu-core');
  // Its sandbox does not start as root.
  const asRoot = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  return puppeteer.launch({
    executablePath,
    headless: true,
    args: [...asRoot, '--disable-dev-shm-usage', '--disable-gpu', '--hide-scrollbars'],
    // Children of the test, so that none is left.
    handleSIGINT: false,
    handleSIGTERM: false,
    handleSIGHUP: false,
  });
}

function findChromium(): string | undefined {
  return places.find((place) => existsSync(place));
}
