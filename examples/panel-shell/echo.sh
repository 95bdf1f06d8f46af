# A panel in a POSIX shell: returns what it gets, and counts messages over restarts. Input and Output, and Credit of both
# directions, are made alike: only the first byte, which says what a message is, becomes another one.
count=0

# Sends octal bytes behind their number.
send() { printf "\\000\\000\\000\\$(printf %03o "$1")$2" >&4; }
# Passes on what is left of a message of $1 bytes, as one whose first byte is $2.
pass() {
  printf "\\$(printf %03o $(($1 >> 24)))\\$(printf %03o $(($1 >> 16 & 255)))" >&4
  printf "\\$(printf %03o $(($1 >> 8 & 255)))\\$(printf %03o $(($1 & 255)))$2" >&4
  head -c $(($1 - 1)) <&3 >&4
}

# The length of a message, and its first byte.
while set -- $(od -An -v -tu1 -N5 <&3) && [ $# = 5 ]; do
  size=$(((($1 * 256 + $2) * 256 + $3) * 256 + $4))
  case $5 in
    26) # Input, returned as Output
      count=$((count + 1))
      pass "$size" '\022' ;;
    66) # Credit for as much output is as much credit for input
      pass "$size" '\042' ;;
    74) # Freeze: Frozen, with twelve digits as the checkpoint
      head -c $((size - 1)) <&3 >/dev/null
      send 16 "\\052\\016\\012\\014$(printf %012d "$count")" ;;
    34) # Event: another one, "count", with the digits
      head -c $((size - 1)) <&3 >/dev/null
      send 23 "\\032\\025\\012\\005count\\022\\014$(printf %012d "$count")" ;;
    58) # EndOfInput: Exit
      send 2 '\062\000' ;;
    18) # Restore, which the checkpoint ends: Opened
      count=$(head -c $((size - 1)) <&3 | tail -c 12 | sed 's/^0*\(.\)/\1/')
      send 6 '\012\004\010\200\200\020' ;;
    10) # Open: Opened, with credit for 256 KiB of input
      head -c $((size - 1)) <&3 >/dev/null
      send 6 '\012\004\010\200\200\020' ;;
    90) # Close
      exit ;;
    *) # Resize, Signal, Thaw: no answer
      head -c $((size - 1)) <&3 >/dev/null ;;
  esac
done
