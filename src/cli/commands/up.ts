export function upCommand(_p: unknown, _c: unknown): void {}
