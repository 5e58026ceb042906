/** Findings: one life for all detectors, and all that is open is all. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { namingOf } from '../../../src/privacy/identifier.ts';
import { openFindingKeeper } from '../../../src/store/records/finding-keeper.ts';
import { closed, kept, opened } from '../../../src/store/records/finding-life.ts';
import {
  countOpen,
  dismissFinding,
  findingsSince,
  mergeFinding,
  openFindings,
  replaceInFindings,
  writeFindings,
} from '../../../src/store/records/findings.ts';
import { type TestServices, testServices } from '../../support/store.ts';

let services: TestServices;
beforeAll(async () => {
  services = await testServices();
});
afterAll(() => services.dispose());

const found = (place: string, severity = 'ticket') =>
  opened({ kind: 'operational', detector: 'made_up', severity, dimensions: {}, evidence: { n: 1 }, place: [place, ''] }, 1_700_000_000_000);

test('a page stays one while it is seen, and what has gone ended when it was seen last', () => {
  const page = found('a', 'page');
  expect(page).toMatchObject({ id: 'made_up:a:2023-11-14T22:13:20.000Z', status: 'open', endMs: null });
  expect(kept(page, { severity: 'ticket', evidence: { n: 2 } })).toMatchObject({
    id: page.id,
    severity: 'page',
    evidence: { n: 2 },
    startMs: page.startMs,
  });
  expect(kept(found('a'), { severity: 'page', evidence: {} })).toMatchObject({ severity: 'page' });
  expect(closed(page, 1_700_000_060_000)).toMatchObject({ status: 'resolved', endMs: 1_700_000_060_000 });
});

test('more than a thousand are open, and all are found, counted and closed; a clock that goes back closes them too', async () => {
  const { engine } = services.store;
  const all = Array.from({ length: 1_200 }, (_, i) => found(`place-${i}`, i < 100 ? 'page' : 'ticket'));
  await writeFindings(engine, all, 1_700_000_000_000);
  expect(await openFindings(engine, ['made_up'])).toHaveLength(1_200);
  expect(await openFindings(engine, ['another'])).toEqual([]);
  expect((await countOpen(engine)).toSorted((a, b) => a.count - b.count)).toEqual([
    { detector: 'made_up', severity: 'page', count: 100 },
    { detector: 'made_up', severity: 'ticket', count: 1_100 },
  ]);
  const open = await openFindings(engine);
  await writeFindings(
    engine,
    open.map((finding) => closed(finding, 1_700_000_060_000)),
    1_600_000_000_000,
  );
  expect(await countOpen(engine)).toEqual([]);
});

test('what somebody has dismissed stays so while it is seen, and is nobody who is forgotten', async () => {
  const { engine } = services.store;
  const finding = { ...found('dismissed'), dimensions: { user: 'ref-of-somebody-16' } };
  await writeFindings(engine, [finding], 1_700_000_000_000);
  expect(await dismissFinding(engine, finding.id, 'benign', 1_700_000_030_000)).toMatchObject({
    status: 'dismissed',
    endMs: 1_700_000_030_000,
  });
  for (const again of [kept(finding, { severity: 'page', evidence: {} }), closed(finding, 1_700_000_090_000)])
    await writeFindings(engine, [again], 1_700_000_060_000);
  expect(await openFindings(engine, ['made_up'])).toEqual([]);
  const stored = async () => (await findingsSince(engine, 0)).find(({ id }) => id === finding.id);
  expect(await stored()).toMatchObject({ status: 'dismissed', severity: 'ticket', verdict: 'benign', decidedMs: 1_700_000_030_000 });
  await replaceInFindings(engine, { refs: ['ref-of-somebody-16'], naming: namingOf([]) }, '[forgotten]', 1_700_000_120_000);
  expect(await stored()).toMatchObject({ status: 'dismissed', dimensions: { user: '[forgotten]' } });
  await expect(dismissFinding(engine, finding.id, 'false', 0)).rejects.toMatchObject({ code: 'MUSTER_CONFLICT' });
  await expect(dismissFinding(engine, 'nobody', 'false', 0)).rejects.toMatchObject({ code: 'MUSTER_NOT_FOUND' });
});

test('one that says the same as another is its duplicate, while its detector sees it too; the other stays', async () => {
  const { engine } = services.store;
  const [first, again] = [found('merged-1'), found('merged-2')];
  await writeFindings(engine, [first, again], 1_700_000_000_000);
  await mergeFinding(engine, again.id, first.id, 1_700_000_030_000);
  await writeFindings(engine, [kept(again, { severity: 'page', evidence: {} })], 1_700_000_060_000);
  expect((await openFindings(engine, ['made_up'])).map(({ id }) => id)).toEqual([first.id]);
  expect((await findingsSince(engine, 0)).find(({ id }) => id === again.id)).toMatchObject({
    status: 'dismissed',
    verdict: 'duplicate',
    evidence: { n: 1, duplicate_of: first.id },
  });
  for (const [id, into] of [
    [first.id, first.id],
    [first.id, again.id],
    [again.id, first.id],
  ] as const)
    await expect(mergeFinding(engine, id, into, 0)).rejects.toMatchObject({ code: 'MUSTER_CONFLICT' });
  // Two at once make no circle: one of them stays.
  const [left, right] = [found('circle-1'), found('circle-2')];
  await writeFindings(engine, [left, right], 1_700_000_000_000);
  const both = await Promise.allSettled([mergeFinding(engine, left.id, right.id, 1), mergeFinding(engine, right.id, left.id, 1)]);
  expect(both.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
  await expect(mergeFinding(engine, first.id, 'nobody', 0)).rejects.toMatchObject({ code: 'MUSTER_NOT_FOUND' });
});

test('a keeper opens once, goes on after another process, closes at the right moment, and writes later what it could not write', async () => {
  const { engine } = services.store;
  const at = 1_700_100_000_000;
  const place = (n: number) => ({
    ...{ kind: 'operational' as const, detector: 'kept', severity: 'ticket', dimensions: { place: 'a' }, evidence: { n }, place: ['a'] },
  });
  const keep = (atMs: number) => openFindingKeeper(engine, ['kept'], ({ dimensions }) => dimensions.place, atMs);
  const stored = () => findingsSince(engine, at - 60_000, 10).then((all) => all.filter(({ detector }) => detector === 'kept'));
  const first = await keep(at);
  first.see('a', place(1), at, at - 30_000);
  first.see('a', place(2), at + 1_000);
  expect(await stored()).toEqual([]);
  await first.write(at);
  expect(await stored()).toMatchObject([{ startMs: at - 30_000, endMs: null, evidence: { n: 2 } }]);
  const second = await keep(at + 60_000);
  expect([...second.open.keys()]).toEqual(['a']);
  second.see('a', place(3), at + 61_000);
  const insert = vi.spyOn(engine, 'insert').mockRejectedValueOnce(new Error('disk full'));
  await expect(second.write(at)).rejects.toThrow('disk full');
  insert.mockRestore();
  await second.write(at);
  expect(await stored()).toMatchObject([{ endMs: null, evidence: { n: 3 } }]);
  second.close('a');
  second.close('never there');
  await second.write(at);
  expect(await stored()).toMatchObject([{ startMs: at - 30_000, endMs: at + 61_000, evidence: { n: 3 }, status: 'resolved' }]);
  expect((await keep(at)).open.size).toBe(0);
});
