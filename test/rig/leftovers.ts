import { readdir, readFile, readlink } from 'node:fs/promises'
import { basename } from 'node:path'

// What nothing may leave behind.

/** Command lines of the processes that stand in a folder, or name it. */
export async function processesIn(folder: string): Promise<readonly string[]> {
  const processes = await listProcesses()
  return processes
    .filter(({ command, cwd }) => command.includes(folder) || cwd.startsWith(folder))
    .map(({ command }) => command)
}

/** Command lines of all processes on this machine, as any user may read them. */
export async function commandLines(): Promise<readonly string[]> {
  return Promise.all((await listPids()).map(commandOf))
}

async function listProcesses(): Promise<readonly { readonly command: string; readonly cwd: string }[]> {
  return Promise.all(
    (await listPids()).map(async (pid) => ({
      command: await commandOf(pid),
      cwd: await readlink(`/proc/${pid}/cwd`).catch(() => ''),
    })),
  )
}

async function listPids(): Promise<readonly string[]> {
  return (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
}

async function commandOf(pid: string): Promise<string> {
  return (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' ')
}

/** Files below SYNC_DIR that belong to a git or a daemon which is no more. */
export async function leftoversIn(syncDir: string): Promise<readonly string[]> {
  const paths = await readdir(syncDir, { recursive: true }).catch(() => [])
  return paths.filter((path) => !isFence(path) && isLeftover(path))
}

// A fence is a file for the kernel to lock; whether it exists says nothing.
function isFence(path: string): boolean {
  return /^(?:[a-z]+-\d+(?:\.[a-z]+)?\.git|\.mirrors)\.lock$/.test(path)
}

function isLeftover(path: string): boolean {
  return /\.(?:lock|pid|keep)$|^(?:tmp_|incoming-)/.test(basename(path)) || /^\.run\/.|\.damaged$/.test(path)
}
