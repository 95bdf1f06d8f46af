/** Order of two texts by their code units, as Kubernetes sorts names; for `sort`. */
export const compareText = (left: string, right: string): number => (left < right ? -1 : Number(left > right));
