/** An object with the methods of another, a class or not, of which some are others; getters are read once. */
export function withMethods<T extends object>(real: T, others: Partial<T> = {}): T {
  const own: Record<string, unknown> = {};
  for (let from: object = real; from !== Object.prototype; from = Object.getPrototypeOf(from) as object) {
    for (const name of Object.getOwnPropertyNames(from)) {
      if (name === 'constructor' || name in own) continue;
      const value = real[name as keyof T];
      own[name] = typeof value === 'function' ? (value.bind(real) as unknown) : value;
    }
  }
  return { ...own, ...others } as T;
}
