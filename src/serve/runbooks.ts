/** The runbooks beside the alerts: Markdown files with the day of their last review in front. */
import { readdir, readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import { MusterError, systemCode } from '../errors.ts';

const FOLDER = new URL('../../alerts/runbooks/', import.meta.url);
const FRONT = /^---\n([\s\S]*?)\n---\n/;

export interface RunbookEntry {
  name: string;
  title: string;
  /** Day, as in 2026-11-25. */
  lastReviewed: string;
}

export interface Runbook extends RunbookEntry {
  /** Without front matter and title. */
  markdown: string;
}

/** All runbooks, in order of their titles. */
export async function listRunbooks(): Promise<RunbookEntry[]> {
  const names = (await readdir(FOLDER)).filter((name) => name.endsWith('.md')).map((name) => name.slice(0, -'.md'.length));
  const all = await Promise.all(names.map(readRunbook));
  return all.map(({ markdown, ...entry }) => entry).sort((a, b) => (a.title < b.title ? -1 : 1));
}

/** @throws MUSTER_NOT_FOUND */
export async function readRunbook(name: string): Promise<Runbook> {
  const text = await runbookText(name);
  const front = FRONT.exec(text);
  const body = text.slice(front?.[0].length ?? 0).trimStart();
  const title = /^# (.*)$/m.exec(body);
  const lastReviewed = (parse(front?.[1] ?? '') as { last_reviewed?: unknown } | null)?.last_reviewed;
  return {
    name,
    title: title?.[1] ?? name,
    lastReviewed: typeof lastReviewed === 'string' ? lastReviewed : '',
    markdown: body.replace(/^# .*\n+/, ''),
  };
}

/** The file as it is. @throws MUSTER_NOT_FOUND */
export async function runbookText(name: string): Promise<string> {
  const missing = () => new MusterError('MUSTER_NOT_FOUND', 'no runbook has this name; /runbooks lists them');
  // The name comes from outside, and becomes a path.
  if (!/^[a-z0-9-]{1,64}$/.test(name)) throw missing();
  return readFile(new URL(`${name}.md`, FOLDER), 'utf8').catch((error: unknown) => {
    throw systemCode(error) === 'ENOENT' ? missing() : error;
  });
}
