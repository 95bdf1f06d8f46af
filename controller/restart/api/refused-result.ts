/** How the result of a request begins when no restart was made because it is wrong; its value follows. */
export const refusedResult = 'Refused:';
