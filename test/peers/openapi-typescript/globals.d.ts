/** Of Node, as far as the client needs it. */
declare const process: { argv: string[] };
