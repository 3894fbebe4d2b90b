import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { readdir, readFile, readlink } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { createFolder } from './rig/repository.ts'

test('the demo shows a commit arriving on each side and leaves nothing behind', async () => {
  await using folder = await createFolder()

  const demo = startDemo(folder.path, '--once')
  const { code, output } = await demo.ended

  expect(output).toMatch(/^Both commits arrived/m)
  expect(output).toMatch(/inner → outer {2}[0-9a-f]{7} {2}webhook → visible \d+ ms/)
  expect(output).toMatch(/outer → inner {2}[0-9a-f]{7} {2}webhook → visible \d+ ms/)
  expect(output).toContain('200 ignored, reason "echo"')
  expect(code).toBe(0)
  expect(await leftovers(folder.path)).toEqual({ files: [], processes: [] })
})

test.each([
  ['alone', (demo: ChildProcess) => process.kill(demo.pid ?? 0, 'SIGINT')],
  [
    'with its whole group, as a terminal does',
    (demo: ChildProcess) => process.kill(-(demo.pid ?? 0), 'SIGINT'),
  ],
])('the demo stays until it is interrupted %s, and then removes everything', async (_, interrupt) => {
  await using folder = await createFolder()
  const demo = startDemo(folder.path)
  const address = await demo.printed(/守护进程正在运行: (\S+)/)
  await demo.printed(/Ctrl-C/)

  const whileRunning = await fetch(`${address}/readyz`)
  interrupt(demo.child)
  const { code, output } = await demo.ended

  expect(whileRunning.status).toBe(200)
  expect(output).toContain('nothing is left behind')
  expect(code).toBe(0)
  await expect(fetch(`${address}/readyz`)).rejects.toThrow('fetch failed')
  expect(await leftovers(folder.path)).toEqual({ files: [], processes: [] })
})

test('a demo that is interrupted half-way says so and cleans up', async () => {
  await using folder = await createFolder()
  const demo = startDemo(folder.path)
  await demo.printed(/bind the repository "app"/)

  demo.child.kill('SIGINT')
  const { code, output } = await demo.ended

  expect(output).toContain('Stopped before the end')
  expect(code).toBe(130)
  expect(await leftovers(folder.path)).toEqual({ files: [], processes: [] })
})

/** The demo as a process group of its own, with `dir` as the only place for temporary folders. */
function startDemo(dir: string, ...args: readonly string[]) {
  const child = spawn(
    process.execPath,
    [fileURLToPath(new URL('../demo/demo.ts', import.meta.url)), ...args],
    {
      env: { ...process.env, TMPDIR: dir },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    },
  )
  const lines: string[] = []
  const watchers = new Set<() => void>()
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line)
      for (const watch of watchers) watch()
    })
  }
  const ended = new Promise<{ code: number | null; output: string }>((resolve) =>
    child.once('close', (code) => resolve({ code, output: lines.join('\n') })),
  )
  const printed = (pattern: RegExp): Promise<string> => {
    const found = Promise.withResolvers<string>()
    const look = (): void => {
      const match = lines.map((line) => pattern.exec(line)).find((result) => result !== null)
      if (match) found.resolve(match[1] ?? match[0])
    }
    watchers.add(look)
    look()
    void ended.then(({ output }) => found.reject(new Error(`the demo ended without ${pattern}:\n${output}`)))
    return found.promise
  }
  return { child, ended, printed }
}

/** Files in `dir`, and processes that run in it or name it in arguments or environment. */
async function leftovers(dir: string) {
  const processes: string[] = []
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const read = (name: string): Promise<string> => readFile(`/proc/${pid}/${name}`, 'utf8').catch(() => '')
    const command = await read('cmdline')
    const traces = [command, await read('environ'), await readlink(`/proc/${pid}/cwd`).catch(() => '')]
    if (traces.some((trace) => trace.includes(dir))) processes.push(`${pid} ${command.replaceAll('\0', ' ')}`)
  }
  return { files: await readdir(dir), processes }
}
