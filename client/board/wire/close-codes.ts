/** Code with which the server closes a WebSocket whose key is wrong: the page says how to get another one, and stops trying. */
export const wrongKeyCloseCode = 1008;
