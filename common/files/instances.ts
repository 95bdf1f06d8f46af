/** A process that shares a directory, as what it has names it. */
export interface InstanceName {
  /** Of its lock `lock-<n>`; nobody had it before. */
  readonly number: number;
  /** Random: tells it from one of another node or another life of the directory, whose numbers may be the same. */
  readonly id: string;
}

/** The processes that share a directory, as one of them sees them: the workers of a panel, or the agents of a node. */
export interface Instances {
  /** This one. */
  readonly own: InstanceName;
  /** True unless the instance of a number is certainly dead. */
  isAlive(number: number): Promise<boolean>;
  /** Numbers of the others that live, in rising order. */
  others(): Promise<readonly number[]>;
  /** Number of the living one that has come last, of those that may be the newest: what only one of them may do is its. */
  newest(): Promise<number>;
  /** True while one that came later is known to live; a moment late at most. */
  readonly hasNewer: boolean;
  /** Path of the socket of an instance at which the others reach it, good in this process. */
  socketOf(number: number): string;
  /** Calls back when another one is found dead; returns what takes the listener off. */
  onDeath(listener: () => void): () => void;
  /** Calls back when another one has come that is newer; returns what takes the listener off. */
  onArrival(listener: () => void): () => void;
  /** Leaves: whatever this one has is nobody's from now on. Idempotent. */
  release(): Promise<void>;
}

/** True when this instance is the newest. */
export async function isNewest(instances: Pick<Instances, 'own' | 'newest'>): Promise<boolean> {
  return (await instances.newest()) === instances.own.number;
}
