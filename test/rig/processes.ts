import { readFile, readdir } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'

// What runs on this machine, read from /proc.

export type RunningProcess = { readonly pid: number; readonly group: number; readonly command: string }

/** Every process whose command line contains the text; the caller picks one that only its own test uses. */
export async function findProcesses(text: string): Promise<readonly RunningProcess[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const found = await Promise.all(pids.map((pid) => readProcess(Number(pid))))
  return found.filter((process) => process !== undefined).filter(({ command }) => command.includes(text))
}

/** Waits until the condition holds for the processes that contain the text. */
export async function waitForProcesses(
  text: string,
  condition: (processes: readonly RunningProcess[]) => boolean,
): Promise<readonly RunningProcess[]> {
  const deadline = performance.now() + 10_000
  for (;;) {
    const processes = await findProcesses(text)
    if (condition(processes)) return processes
    if (performance.now() > deadline) throw new Error(`still ${JSON.stringify(processes)}`)
    await pause(20)
  }
}

async function readProcess(pid: number): Promise<RunningProcess | undefined> {
  try {
    const [command, stat] = await Promise.all([
      readFile(`/proc/${pid}/cmdline`, 'utf8'),
      readFile(`/proc/${pid}/stat`, 'utf8'),
    ])
    const [state, , group] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (command === '' || state === 'Z') return undefined
    return { pid, group: Number(group), command: command.replaceAll('\0', ' ').trim() }
  } catch {
    return undefined
  }
}
