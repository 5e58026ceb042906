/** The pages in a real browser: figures, themes, widths, keyboard, live events, and no accessibility violation. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { openBrowser, violations } from '../support/browser.ts';
import { have } from '../support/counterparts.ts';
import { type Running, removeData, runMuster, startUnder, temporaryData } from '../support/process.ts';
import { scaled, whenShort } from '../support/scale.ts';

describe.runIf(have('chromium'))('the page', () => {
  let muster: Running;
  let opened: Awaited<ReturnType<typeof openBrowser>>;
  let browser: BrowserContext;
  beforeAll(async () => {
    // What is usual is learned, and the outage of the ninth day before is in it: that much is enough for most.
    muster = await startUnder(['env', 'MUSTER_DEMO_DAYS=14'], await temporaryData(), '--demo');
    opened = await openBrowser();
    browser = opened.browser;
  });
  afterAll(async () => {
    await opened?.close();
    await muster?.stop();
    await removeData(muster.dataDir);
  });

  async function firstFailed(): Promise<string> {
    const { rows } = (await (
      await fetch(`${muster.url}/api/panels/failed-attempts?from=${new Date(Date.now() - 30 * 86_400_000).toISOString()}`)
    ).json()) as {
      rows: { attempt_id: string }[];
    };
    return rows[0]?.attempt_id ?? '';
  }

  /** A source that leaks a secret; the id of what is found of it, as in an address. */
  async function firstFinding(): Promise<string> {
    const leak = { id: 'leak', type: 'admin.action', time: '2026-11-20T10:00:00Z', source: 'leaky-service', action: 'export' };
    const sent = await fetch(`${muster.url}/v1/events`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...leak, reason: 'otpauth://totp/x?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP' }),
    });
    expect(sent.status).toBe(200);
    const found = async () =>
      ((await (await fetch(`${muster.url}/api/findings`)).json()) as { id: string }[]).find(({ id }) => id.includes('leaky'));
    await expect.poll(found, { timeout: 60_000 }).toBeDefined();
    return encodeURIComponent((await found())?.id ?? '');
  }

  async function open(path: string, width: number, height = 900): Promise<{ page: Page; problems: string[] }> {
    const page = await browser.newPage();
    const problems: string[] = [];
    page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
    page.on('pageerror', (error) => problems.push(error.message));
    await page.setViewportSize({ width, height });
    await page.goto(`${muster.url}${path}`);
    return { page, problems };
  }

  test('is there while the history is still filled in, says so, and follows until it is complete', async () => {
    const { page, problems } = await open('/', 1440);
    await page.getByRole('heading', { level: 1 }).waitFor();
    await page.getByText('The history of the demo is filled in').waitFor({ state: 'hidden', timeout: 240_000 });
    expect(muster.output()).not.toMatch(/muster: /);
    await expect.poll(() => page.locator('.spark rect').count(), { timeout: 240_000 }).toBeGreaterThanOrEqual(80);
    // What is usual is learned once the history is there.
    const metrics = async () => (await fetch(`${muster.url}/metrics`)).text();
    await expect.poll(metrics, { timeout: 240_000 }).toMatch(/^muster_series_watched [1-9]/m);
    expect(problems).toEqual([]);
    await page.close();
  });

  whenShort(() => {
    test('says first what fires, then shows the SLOs with the figures of the API', async () => {
      const { page } = await open('/overview', 1440);
      await page.locator('.chart canvas').waitFor();
      // An evaluation between the two readings changes figures: the page follows it.
      await vi.waitFor(
        async () => {
          const overview = (await (await fetch(`${muster.url}/api/overview`)).json()) as {
            verdict: { headline: string };
            slos: { slo: string; errorBudgetRemaining: number | null }[];
          };
          expect(await page.getByRole('heading', { level: 1 }).textContent()).toBe(overview.verdict.headline);
          for (const { slo, errorBudgetRemaining } of overview.slos) {
            const row = page.getByRole('row').filter({ hasText: slo });
            expect((await row.textContent())?.replaceAll('\u00a0', ' ')).toContain(
              errorBudgetRemaining === null ? 'counted' : `${Math.floor(errorBudgetRemaining * 100)} %`.replace('-', '−'),
            );
          }
        },
        { timeout: 240_000, interval: 1_000 },
      );
      await page.close();
    });
  });

  whenShort(() => {
    test('shows live events as people enroll', async () => {
      const { page } = await open('/overview', 1440);
      await page
        .getByRole('region', { name: 'Live events, newest first' })
        .getByText('enrollment.started')
        .first()
        .waitFor({ timeout: 240_000 });
      await page.getByRole('button', { name: 'Pause' }).click();
      await page.getByRole('button', { name: 'Go on' }).waitFor();
      await page.close();
    });
  });

  whenShort(() => {
    test('gives the SQL and the table of a chart, by keyboard too', async () => {
      const { page } = await open('/overview', 1440);
      const sql = page.getByRole('button', { name: 'SQL of Attempts' });
      await sql.focus();
      await page.keyboard.press('Enter');
      await page.getByText('FROM attempts WHERE').waitFor();
      await page.getByRole('button', { name: 'Table of Attempts' }).click();
      await page.getByRole('columnheader', { name: 'result' }).waitFor();
      await page.close();
    });
  });

  whenShort(() => {
    test('shows names from events as text, whatever they hold', async () => {
      const markup = '<img src=x onerror=alert(1)>';
      const deploy = { id: 'xss', type: 'deploy.completed', time: new Date().toISOString(), source: 'ci', deployment: markup };
      const answer = await fetch(`${muster.url}/v1/events`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(deploy),
      });
      expect(answer.status).toBe(200);
      await expect.poll(async () => (await fetch(`${muster.url}/api/overview`)).text(), { timeout: 240_000 }).toContain('onerror');
      const { page, problems } = await open('/overview', 1440);
      await page.getByText(`Deploy ${markup}`).waitFor();
      expect(await page.locator('img').count()).toBe(0);
      expect(problems).toEqual([]);
      await page.close();
    });
  });

  whenShort(() => {
    test('leads from the list to one SLO: what its alerts stand on, when they fired, and why', async () => {
      const { page, problems } = await open('/slos', 1440);
      await page.getByRole('link', { name: 'enrollment-success' }).click();
      await page.getByRole('heading', { level: 1, name: /enrollment-success/ }).waitFor();
      const pairs = page.getByRole('region', { name: 'Burn rates against their thresholds' });
      expect(await pairs.getByRole('row').count()).toBe(5);
      await pairs.getByText('1h and 5m').waitFor();
      // Both faults of the demo's history fired.
      await page.getByRole('region', { name: 'Alert history' }).getByText('Page').first().waitFor();
      await page.getByRole('region', { name: 'Where it fails' }).getByRole('row').first().waitFor();
      await page.getByRole('region', { name: 'Backtest' }).getByText('now', { exact: false }).first().waitFor();
      expect(await page.locator('.chart canvas').count()).toBe(2);
      expect(problems).toEqual([]);
      await page.close();
    });
  });

  whenShort(() => {
    test.each(['executive', 'oncall', 'debug', 'secops', 'provider-and-cost'])('the dashboard %s has data in every panel', async (name) => {
      const { page, problems } = await open(`/dashboards/${name}?from=now-720h`, 1440);
      await page.locator('.panel').first().waitFor();
      await expect.poll(() => page.locator('.skeleton').count(), { timeout: 240_000 }).toBe(0);
      const empty = await page.locator('.panel:has(.note) h2').allTextContents();
      // Whether somebody waits just now is up to the live traffic; the demo leaks no secret.
      expect(empty.filter((title) => title !== 'Waiting attempts' && title !== 'Security findings')).toEqual([]);
      await page.getByRole('button', { name: '7 d' }).click();
      expect(new URL(page.url()).search).toBe('?from=now-168h');
      expect(problems).toEqual([]);
      await page.close();
    });
  });

  whenShort(() => {
    test('leads from a failed attempt to its events, and to how each SLO counted it', async () => {
      const { page, problems } = await open('/dashboards/debug?from=now-720h', 1440);
      const link = page.getByRole('region', { name: 'Failed attempts' }).getByRole('link').first();
      const id = await link.textContent();
      await link.click();
      await page.getByRole('region', { name: 'Timeline' }).getByText('enrollment.started').waitFor();
      expect(page.url()).toContain(`/attempts/${id}?source=`);
      const counted = page.getByRole('row').filter({ hasText: 'settled and completed' });
      await counted.getByText('bad').waitFor();
      await page.getByRole('button', { name: 'enrollment.started' }).click();
      await page.getByText('"type": "enrollment.started"').waitFor();
      await page.locator('#trace').waitFor();
      expect(problems).toEqual([]);
      await page.close();
    });
  });

  whenShort(() => {
    test('leads from the list of incidents to what led one and to its attempts, and takes what somebody decides', async () => {
      const { page, problems } = await open('/incidents', 1440);
      await page.getByRole('link', { name: 'Attempts fail: provider sms-aurora' }).first().click();
      await page.getByRole('heading', { level: 1 }).getByText('Attempts fail: provider sms-aurora').waitFor();
      await page.getByText('of failures beyond the usual').waitFor();
      await page.getByRole('region', { name: 'Where the failures come from' }).getByText('undelivered').waitFor();
      await page.getByRole('button', { name: 'Done with step 1' }).click();
      await page.getByRole('region', { name: 'Runbook' }).getByText('done', { exact: true }).waitFor();
      await page.getByRole('region', { name: 'Signs' }).getByText('provider sms-aurora').first().waitFor();
      await page.getByLabel('Reason').fill('reviewed with the vendor');
      await page.getByRole('button', { name: 'Dismiss' }).click();
      await page.getByText('Page, dismissed').waitFor();
      await page.getByRole('region', { name: 'Log' }).getByText('reviewed with the vendor').waitFor();
      await page.getByRole('region', { name: 'Failed attempts' }).getByRole('link').first().click();
      await page.getByRole('region', { name: 'Timeline' }).getByText('enrollment.started').waitFor();
      expect(problems).toEqual([]);
      await page.close();
    });
  });

  whenShort(() => {
    test('leads from the list of findings to what one stands on, and takes what somebody decides', async () => {
      await firstFinding();
      const { page, problems } = await open('/findings', 1440);
      await page.getByRole('link', { name: /leaky-service sent/ }).click();
      await page.getByRole('heading', { level: 1 }).getByText('leaky-service sent').waitFor();
      await page.getByText('T1552').waitFor();
      await page.getByRole('region', { name: 'Where' }).getByText('reason').waitFor();
      await page.getByLabel('Reason').fill('a test of ours');
      await page.getByRole('button', { name: 'There is, and it may be so' }).click();
      await page.getByText('dismissed, ').waitFor();
      expect(problems).toEqual([]);
      await page.close();
    });
  });

  whenShort(() => {
    test('a flag on a chart leads to its incident and an attempt of it, in two clicks, and by keyboard', async () => {
      const { page, problems } = await open('/dashboards/oncall?from=now-720h', 1440);
      const mark = page
        .getByRole('region', { name: 'Attempts by result' })
        .getByRole('link', { name: /^Flagged / })
        .first();
      await mark.focus();
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { level: 1 }).getByText('Attempts fail').waitFor();
      await page
        .getByText('minutes were flagged')
        .or(page.getByRole('img', { name: /minutes were flagged/ }))
        .first()
        .waitFor();
      await page.getByRole('region', { name: 'Failed attempts' }).getByRole('link').first().click();
      await page.getByRole('region', { name: 'Timeline' }).getByText('enrollment.started').waitFor();
      expect(problems).toEqual([]);
      await page.close();
    });
  });

  whenShort(() => {
    test('has the runbooks, and runs their queries', async () => {
      const { page, problems } = await open('/runbooks', 1440);
      await page.getByRole('link', { name: 'F1: a provider is down' }).click();
      await page.getByRole('heading', { level: 2, name: 'First five minutes' }).waitFor();
      const answer = page.getByRole('region', { name: 'The answer' });
      await vi.waitFor(
        async () => {
          await page.getByRole('button', { name: 'Run this query' }).first().click();
          expect(await answer.textContent({ timeout: 1_000 })).toContain('sms-');
        },
        { timeout: 240_000, interval: 1_000 },
      );
      await page.getByRole('link', { name: 'EnrollmentProviderOutage' }).click();
      await page.getByRole('heading', { level: 1, name: 'EnrollmentProviderOutage' }).waitFor();
      // A terminal gets the file.
      const text = await fetch(`${muster.url}/runbooks/f1-provider-outage`);
      expect(text.headers.get('content-type')).toMatch(/^text\/plain/);
      expect(await text.text()).toMatch(/^---\nlast_reviewed: /);
      expect((await fetch(`${muster.url}/runbooks/..%2f..%2fpackage`)).status).toBe(404);
      expect(problems).toEqual([]);
      await page.close();
    });
  });

  /** What a page shows once it is there. */
  const LANDMARKS: Readonly<Record<string, string>> = {
    '/overview': '.matrix td',
    '/slos': '.slos tbody tr',
    '/slos/enrollment-success': '.facts',
    '/slos/rollbacks': '.facts',
    '/dashboards/oncall': '.chart canvas',
    '/dashboards/secops': '.chart canvas',
    '/incidents': '.lines td',
    '/incidents/INC-1': '.lanes',
    '/findings': '.lines td',
    '/findings/first': '.lines td',
    '/sources': '.answers td',
    '/runbooks': '.lines td',
    '/runbooks/f1-provider-outage': '.query',
    '/attempts/first': '.facts',
    '/login': '#key',
  };

  const LOOKS = [
    // Each page wide and dark, and narrow and light; the first one the other way round too.

    ...Object.keys(LANDMARKS).flatMap((path) => [[path, 'dark', 1440] as const, [path, 'light', 390] as const]),
    ['/overview', 'light', 1440] as const,
    ['/overview', 'dark', 390] as const,
  ];
  // Of every five one, so that each theme and width is among them.
  test.each(
    scaled(
      LOOKS,
      LOOKS.filter((_, index) => index % 5 === 0),
    ),
  )('%s, %s at %i: nothing sticks out, no accessibility violation, no error in the console', async (path, theme, width) => {
    // A list of findings has one in it, whichever tests ran before.
    const first = { '/attempts/first': firstFailed, '/findings/first': firstFinding, '/findings': firstFinding }[path];
    const address = first ? path.replace('first', await first()) : path;
    const { page, problems } = await open(`${address}?theme=${theme}`, width);
    await page
      .locator(LANDMARKS[path] as string)
      .first()
      .waitFor();
    expect(await page.evaluate('document.documentElement.dataset.theme')).toBe(theme);
    expect(await page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth')).toBe(0);
    expect(await violations(page)).toEqual([]);
    expect(problems).toEqual([]);
    if (process.env.MUSTER_SCREENSHOT)
      await page.screenshot({
        path: join(process.env.MUSTER_SCREENSHOT, `${path.slice(1).replaceAll('/', '-')}-${theme}-${width}.png`),
        fullPage: width < 1000,
      });
    await page.close();
  });

  // The last one: from then on every page wants a key.
  whenShort(() => {
    test('asks for a key once there is one, by keyboard alone, and goes on where somebody wanted to go', async () => {
      const { stdout } = await runMuster(['keys', 'create', '--scope', 'read', '--data', muster.dataDir]);
      await sleep(1_100);
      const { page } = await open('/slos', 1440);
      await page.waitForURL('**/login?next=%2Fslos');
      await page.getByLabel('Key').waitFor();
      await page.keyboard.press('Tab');
      await page.keyboard.type('muster_00000000_wrong');
      await page.keyboard.press('Enter');
      await page.getByText('This is not a key that may be used now.').waitFor();
      await page.getByLabel('Key').fill(stdout.trim());
      await page.keyboard.press('Enter');
      await page.waitForURL('**/slos');
      await page.locator('.slos tbody tr').first().waitFor();
      await page.getByRole('button', { name: 'Sign out' }).click();
      await page.waitForURL('**/login');
      expect(await page.context().cookies()).toEqual([]);
      await page.close();
    });
  });
});
