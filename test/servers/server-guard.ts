/** Ends a server and removes its folder when this process ends, however it ends. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Socket } from "node:net";

export interface ServerGuard {
  /** Tells the guard which process to end; undefined while none runs. */
  watch(pid: number | undefined): void;
  /** Sends the guard home: nothing is left to end. */
  release(): Promise<void>;
}

// A shell that reads a pipe: the pipe closes when this process is gone, even after SIGKILL, when no handler runs.
const SCRIPT = `
trap '' INT TERM HUP
pid=
while read -r line; do pid=$line; done
[ "$pid" = released ] && exit 0
if [ -n "$pid" ]; then
  kill -CONT "$pid"
  kill -s "$1" "$pid"
  turns=0
  while kill -0 "$pid" && [ "$turns" -lt 100 ]; do sleep 0.05; turns=$((turns + 1)); done
  kill -KILL "$pid"
fi
[ -z "$2" ] || rm -rf -- "$2"
`;

/** `signal` without the SIG prefix; `folder` is removed when set. */
export function startGuard(signal: string, folder: string | undefined): ServerGuard {
  const shell = spawn("/bin/sh", ["-c", SCRIPT, "server-guard", signal, folder ?? ""], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
    cwd: "/",
  });
  const pipe = shell.stdin as Socket;
  pipe.on("error", () => {});
  shell.on("error", () => {});
  shell.unref();
  pipe.unref();
  return {
    watch: (pid) => {
      pipe.write(`${pid ?? ""}\n`);
    },
    release: async () => {
      if (shell.exitCode !== null || shell.signalCode !== null) return;
      const gone = once(shell, "exit");
      shell.ref();
      pipe.end("released\n");
      await gone;
    },
  };
}
