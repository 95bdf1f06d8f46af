/** What a tab of the browser keeps over a reload of the page, and gives up when it is closed. */
export interface Stored {
  get(name: string): string | null;
  set(name: string, value: string): void;
  remove(name: string): void;
}

/** That of this tab; where the browser allows no storage, nothing is kept. */
export function createTabStorage(): Stored {
  const tried = <T>(what: () => T, otherwise: T): T => {
    try {
      return what();
    } catch {
      return otherwise;
    }
  };
  return {
    get: (name) => tried(() => window.sessionStorage.getItem(name), null),
    set: (name, value) => tried(() => window.sessionStorage.setItem(name, value), undefined),
    remove: (name) => tried(() => window.sessionStorage.removeItem(name), undefined),
  };
}
