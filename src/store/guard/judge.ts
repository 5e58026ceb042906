/**
 * Asks whether a query tree may run, on a thread beside the one that serves: whatever somebody writes, looking through it holds up nobody else,
 * and ends in time.
 */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { systemCode } from '../../errors.ts';
import type { Names, Refusal } from './rules.ts';

/** A tree of what may run takes some milliseconds. */
const LOOK_MS = 3_000;
/** A tree of 8 MiB takes some hundred; what takes more ends the thread alone. */
const MEMORY_MIB = 1_024;

export interface Question {
  /** What `EXPLAIN QUERY TREE` printed. */
  tree: Uint8Array;
  /** Whether no pass of the engine has run yet. */
  isWritten: boolean;
  /** Whether texts of the statement have line feeds. */
  hasLineFeeds: boolean;
  /** Time zones that were asked for before. */
  zones: readonly string[];
}

export interface Answer {
  /** Why it may not run. */
  refusal: Refusal | undefined;
  /** Time zones that were asked for until now. */
  zones: readonly string[];
}

export interface Judge {
  /** Starts the thread, so that it is there when the first question comes. */
  prepare(): void;
  /** @throws when the thread fails */
  ask(question: Question): Promise<Answer>;
  /** Ends the thread. */
  close(): void;
}

const TOO_LONG: Refusal = { reason: 'looking through this statement takes too long; write it with fewer names and parts' };

/** A judge who knows these functions and tables; its thread lives from one question to the next. */
export function createJudge(names: Names): Judge {
  let thread: Thread | undefined;
  let before: Promise<unknown> = Promise.resolve();
  const prepare = () => {
    if (thread) return thread;
    const started = startThread(names);
    // One that ended by itself is asked nothing any more.
    started.worker.once('exit', () => {
      if (thread === started) thread = undefined;
    });
    thread = started;
    return started;
  };
  const end = () => {
    void thread?.worker.terminate();
    thread = undefined;
  };
  const askNow = async (question: Question): Promise<Answer> => {
    const { worker, ready } = prepare();
    worker.ref();
    const given = new AbortController();
    try {
      await ready;
      const late = sleep(LOOK_MS, undefined, { signal: given.signal }).catch(() => {});
      const answer = once(worker, 'message', { signal: given.signal });
      worker.postMessage(question);
      const [said] = (await Promise.race([answer, late])) ?? [];
      if (said !== undefined) return said as Answer;
      end();
      return { refusal: TOO_LONG, zones: question.zones };
    } catch (error) {
      end();
      if (systemCode(error) === 'ERR_WORKER_OUT_OF_MEMORY') return { refusal: TOO_LONG, zones: question.zones };
      throw error;
    } finally {
      given.abort();
      worker.unref();
    }
  };
  return {
    prepare: () => void prepare(),
    ask(question) {
      const answer = before.then(() => askNow(question));
      before = answer.catch(() => {});
      return answer;
    },
    close: end,
  };
}

interface Thread {
  worker: Worker;
  /** Resolves once it listens. */
  ready: Promise<unknown>;
}

function startThread(names: Names): Thread {
  const worker = new Worker(new URL('./judge-thread.ts', import.meta.url), {
    workerData: names,
    resourceLimits: { maxOldGenerationSizeMb: MEMORY_MIB },
    // Nothing that this process was told to load is loaded there, such as another engine.
    execArgv: [],
    env: {},
  });
  // One that fails as it is ended fails nobody.
  worker.on('error', () => {});
  const ready = once(worker, 'message');
  // Whoever asks hears of it.
  ready.catch(() => {});
  worker.unref();
  return { worker, ready };
}
