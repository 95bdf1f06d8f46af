/**
 * Runs kubectl with the arguments after the script's name, and ends it when descriptor 3 is closed: its other end is
 * held by the process that asked, so that kubectl never outlives that process, however it ends. kubectl itself would:
 * it notices neither the end of its parent nor the end of its standard input. Ends with kubectl's exit code.
 */
export const kubectlGuard = `exec 4<&0
kubectl "$@" <&4 3<&- 4<&- &
child=$!
{ read -r _ <&3; kill "$child"; } >/dev/null 2>&1 4<&- &
guard=$!
exec 3<&- 4<&-
wait "$child"
code=$?
kill "$guard" 2>/dev/null
exit "$code"
`;

/** Exit code of a shell for a program that is not on PATH. */
export const notOnPath = 127;
