/** What a route of the core is: served, and described in the OpenAPI document, from the one definition. */
import type { Request } from 'express';
import type { z } from 'zod';
import type { Core } from '../../core/core.ts';
import type { Answer } from '../../core/ledger/kept-answers.ts';
import type { Statements } from '../../core/storage/storage.ts';

/** As `api.request` names it. */
export type Operation = 'start' | 'verify' | 'resend' | 'cancel' | 'admin' | 'other';

/** What a route works with. */
export interface CoreCall {
  core: Core;
  request: Request;
  /** The key by which it was asked for, if any. */
  actor: string | undefined;
  /** Enrollment token of the host application, if that is how it was asked for. */
  token: string | undefined;
  /** To be called in the transaction of what is answered. @param enrollmentId it is about, or ''; the factor is that of the enrollment, or named */
  keep: (statements: Statements, answer: Answer, enrollmentId: string, factorId?: string) => Promise<void>;
  /** To be called in the transaction that begins what is answered later. */
  begin: (statements: Statements, enrollmentId: string) => Promise<void>;
  /** To be called in the transaction in which it came to nothing. */
  release: (statements: Statements) => Promise<void>;
  /** Writes a privileged action down, before it is done. */
  audit: (action: string, target: string, named: { actor?: string | undefined; reason?: string | undefined }) => Promise<void>;
  /** The reference of a user, as the audit log names people. */
  referenceOf: (user: string) => Promise<string>;
  qrPng: (text: string) => Promise<Buffer>;
}

export interface CoreRoute {
  method: 'get' | 'post' | 'delete';
  /** As Express writes it, below /core/v1. */
  path: string;
  operation: Operation;
  /** `operationId` of the OpenAPI document. */
  id: string;
  summary: string;
  body?: z.ZodType;
  query?: z.ZodObject;
  /** Answers by status: what they are, and their body. */
  answers: Record<number, readonly [description: string, body: z.ZodType | 'image/png']>;
  /** Whether a browser with an enrollment token may ask. */
  takesToken?: true;
  /** Whether it answers a challenge of before. */
  isAnswer?: true;
  work: (asked: CoreCall) => Promise<Answer>;
}

/** A parameter of the path. */
export const param = ({ request }: CoreCall, name: string): string => String(request.params[name]);
