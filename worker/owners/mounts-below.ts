/**
 * Where something is mounted on a directory or below it.
 * @param mountInfo text of /proc/self/mountinfo
 * @param directory absolute path without symbolic links
 */
export function mountsBelow(mountInfo: string, directory: string): string[] {
  return mountInfo
    .split('\n')
    .map((line) => decode(line.split(' ')[4] ?? ''))
    .filter((place) => place === directory || place.startsWith(`${directory}/`));
}

// Space, tab, newline and backslash are in octal there: proc_pid_mountinfo(5).
function decode(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));
}
