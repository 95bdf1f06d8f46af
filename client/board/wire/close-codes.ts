/** Code with which the server closes a WebSocket whose key is wrong: the page says how to get another one, and stops trying. */
export const wrongKeyCloseCode = 1008;

/** Code with which the server closes a WebSocket that it cannot have now: the page tries again. */
export const tryAgainCloseCode = 1013;
