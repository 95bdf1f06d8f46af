import { performance } from 'node:perf_hooks';
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

/** Text of a file below /proc; empty for a process that has ended or is somebody else's. */
function read(pid, file) {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}

function workingDirectory(pid) {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return '';
  }
}

const isIn = (directory) => (path) => path === directory || path.startsWith(`${directory}/`);

function belongs(pid, directory) {
  const values = read(pid, 'environ')
    .split('\0')
    .map((assignment) => assignment.slice(assignment.indexOf('=') + 1));
  return [...values, ...read(pid, 'cmdline').split('\0'), workingDirectory(pid)].some(isIn(directory));
}

/** Start time in clock ticks since boot, which tells a process from a later one with its id. */
const startTimeOf = (pid) => {
  const stat = read(pid, 'stat');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
};

/**
 * Processes that work in a directory: by a variable of their environment, an argument, or their working directory. None where
 * there is no /proc. One that has ended and waits for its parent has none of the three.
 * @param {string} directory absolute path of a directory that nobody else uses
 * @returns {{ pid: string, startTime: string, command: string }[]}
 */
function processesIn(directory) {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry) && Number(entry) !== process.pid && belongs(entry, directory))
    .map((pid) => ({ pid, startTime: startTimeOf(pid), command: read(pid, 'cmdline').replaceAll('\0', ' ').trim() }));
}

/**
 * Ends the processes that work in a directory and are there after a while: who was told to end may take its time.
 * @param {string} directory absolute path of a directory that nobody else uses
 * @param {number} patienceMs
 * @returns {Promise<string[]>} what was left, `pid command` each
 */
export async function endLeftProcesses(directory, patienceMs) {
  const deadline = performance.now() + patienceMs;
  while (processesIn(directory).length > 0 && performance.now() < deadline) await pause(20);
  const left = new Map();
  // Again, for what one of them had just started.
  for (let found = processesIn(directory); found.length > 0; found = processesIn(directory)) {
    for (const { pid, startTime, command } of found) {
      left.set(`${pid} ${startTime}`, `${pid} ${command}`);
      try {
        if (startTimeOf(pid) === startTime) process.kill(Number(pid), 'SIGKILL');
      } catch {
        // It has ended in the meantime.
      }
    }
    await pause(20);
  }
  return [...left.values()];
}
