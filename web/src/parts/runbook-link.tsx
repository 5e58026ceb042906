/** A link in a runbook: runbooks refer to one another by file. */
import type { ReactNode } from 'react';

export function RunbookLink({ href = '', children }: { href?: string | undefined; children?: ReactNode }) {
  const name = /^([a-z0-9-]+)\.md$/.exec(href)?.[1];
  return <a href={name === undefined ? href : `/runbooks/${name}`}>{children}</a>;
}
