/**
 * What /bin/sh runs before the program, as the worker's user: it says `R<pid>` on the terminal, and goes on once it reads
 * a line there. Without one it ends: nobody has taken the pipes. Each here-document is a pipe, of which the worker opens
 * the other end by /proc. (Node can make none: what it calls pipes are sockets, which a program cannot open as
 * /dev/stdin. A named pipe would make that open wait for a writer.)
 */
export const pipeLauncher: string = [
  'exec 3<&0 4<<E 5<<E 6<<E || exit 126',
  'E',
  'E',
  'E',
  // A pipe that nobody writes to is at its end.
  'exec 7>/proc/self/fd/5 8>/proc/self/fd/6 || exit 126',
  'printf "R%d\\n" $$ >&3',
  'read -r REPLY <&3 || exit 126; unset REPLY',
  'exec <&4 >&7 2>&8 3<&- 4<&- 5<&- 6<&- 7>&- 8>&-',
  // The kernel hangs the terminal up when the worker dies, which ends setsid, and with it this.
  'exec /usr/bin/setpriv --pdeathsig HUP -- "$@"',
].join('\n');
