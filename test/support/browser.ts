/** A real Chromium with a profile of its own, in which axe is at hand. */
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, chromium, type Page } from 'playwright-core';
import { pathOf } from './counterparts.ts';

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
/** The browser asks nobody but us. */
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export async function openBrowser(): Promise<{ browser: BrowserContext; close(): Promise<void> }> {
  const profile = await mkdtemp(join(tmpdir(), 'muster-browser-'));
  const browser = await chromium.launchPersistentContext(profile, { executablePath: pathOf('chromium'), args: FLAGS, headless: true });
  // Other tests share the machine: what is waited for is what is shown, not when.
  browser.setDefaultTimeout(240_000);
  await browser.addInitScript({ path: AXE });
  return {
    browser,
    async close() {
      await browser.close();
      await rm(profile, { recursive: true, force: true });
    },
  };
}

/** What axe finds wrong, by the rules of WCAG 2.0 to 2.2, A and AA: each rule with where it is broken. */
export const violations = (page: Page): Promise<unknown> =>
  page.evaluate(`axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] })
    .then(({ violations }) => violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html.slice(0, 120))]))`);
