// The port test for customers: which way out of a line is open. A browser refuses these ports itself (the "bad ports" of the Fetch
// standard), so the page carries two small programs, for a Unix shell and for PowerShell; neither sends mail nor a name.

export interface PortTest {
  /** Of this site: where customers are meant to go. */
  readonly host: string;
  /** Of submission and mailboxes: what this site really offers. */
  readonly ports: readonly number[];
  /** Mail servers elsewhere that agreed to be tried on port 25. */
  readonly outside: readonly string[];
}

interface Trial {
  readonly host: string;
  readonly port: number;
}

function trialsOf({ host, ports, outside }: PortTest): readonly Trial[] {
  const away = outside.map((each) => ({ host: each, port: 25 }));
  return [...ports.map((port) => ({ host, port })), ...away];
}

/** For sh with nc(1), bash or python3, whichever is there. Hosts are names of the DNS and need no quotes. */
export function shellTest(test: PortTest): string {
  return `#!/bin/sh
# Which ports are open on the way out of this line? Opens a connection to each, says nothing, and closes it.
try() {
  if command -v nc >/dev/null 2>&1; then nc -z -w 5 "$1" "$2" >/dev/null 2>&1
  elif command -v bash >/dev/null 2>&1 && command -v timeout >/dev/null 2>&1; then timeout 5 bash -c "exec 3<>/dev/tcp/$1/$2" 2>/dev/null
  elif command -v python3 >/dev/null 2>&1; then python3 -c "import socket; socket.create_connection(('$1', $2), 5)" 2>/dev/null
  else echo "needs nc, bash with timeout, or python3" >&2; exit 2
  fi
}
tell() {
  if try "$1" "$2"; then state=open; else state=closed; fi
  printf '%-6s %s port %s\\n' "$state" "$1" "$2"
}
${trialsOf(test)
  .map(({ host, port }) => `tell ${host} ${port}`)
  .join("\n")}
`;
}

/** For Windows PowerShell 5 and later. */
export function powershellTest(test: PortTest): string {
  const lines = [
    "# Which ports are open on the way out of this line? Opens a connection to each, says nothing, and closes it.",
    "function Test-Way($HostName, $Port) {",
    "  $client = New-Object System.Net.Sockets.TcpClient",
    "  try {",
    "    $open = $client.ConnectAsync($HostName, $Port).Wait(5000) -and $client.Connected",
    "  } catch { $open = $false } finally { $client.Close() }",
    "  '{0,-6} {1} port {2}' -f $(if ($open) { 'open' } else { 'closed' }), $HostName, $Port",
    "}",
    ...trialsOf(test).map(({ host, port }) => `Test-Way '${host}' ${port}`),
    "",
  ];
  return lines.join("\r\n");
}
