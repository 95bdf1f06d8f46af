import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readProcessFile, readProcessStat } from '#common/process/process-stat.js';
import type { OwnCluster } from './environment.js';
import type { ShellProcess } from './shell-session.js';

/** A process of a container, seen from the machine. */
export interface MachineProcess {
  readonly pid: number;
  readonly startTicks: string;
  readonly command: string;
  /** Its cgroup names the pod. */
  readonly cgroup: string;
}

/** Start of a process in clock ticks; empty when there is none. */
export function startTicksOf(pid: number): string {
  return readProcessStat(pid)?.startTime ?? '';
}

/** Finds what a container calls `pid`: the same number in the innermost namespace and the same start. */
export function findOnMachine(process: ShellProcess): MachineProcess | undefined {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  for (const name of pids) {
    const inner = /^NSpid:\s+(.*)$/m.exec(readProcessFile(Number(name), 'status'))?.[1]?.split(/\s+/) ?? [];
    if (inner.length < 2 || Number(inner.at(-1)) !== process.pid) continue;
    if (startTicksOf(Number(name)) !== process.startTicks) continue;
    return {
      pid: Number(name),
      startTicks: process.startTicks,
      command: readProcessFile(Number(name), 'cmdline').replaceAll('\0', ' ').trim(),
      cgroup: readProcessFile(Number(name), 'cgroup'),
    };
  }
  return undefined;
}

/** Processes of the machine whose command line matches, inside of pods. */
export function podProcesses(pattern: RegExp): MachineProcess[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.flatMap((name) => {
    const command = readProcessFile(Number(name), 'cmdline').replaceAll('\0', ' ').trim();
    const cgroup = readProcessFile(Number(name), 'cgroup');
    if (!pattern.test(command) || !/pod[0-9a-f-]{36}/.test(cgroup)) return [];
    return [{ pid: Number(name), startTicks: startTicksOf(Number(name)), command, cgroup }];
  });
}

/** True when a process belongs to the pod of this uid. */
export function isOfPod(process: MachineProcess, podUid: string): boolean {
  return process.cgroup.includes(`pod${podUid}`);
}

/** True when a process belongs to a pod of this cluster: its nodes' cgroups have the cluster's slot in their names. */
export function isOfCluster(process: MachineProcess, { stateDir }: OwnCluster): boolean {
  return process.cgroup.includes(`/panelet${readFileSync(join(stateDir, 'slot'), 'utf8').trim()}-`);
}
