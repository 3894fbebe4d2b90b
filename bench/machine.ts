import { execFile } from 'node:child_process'
import { closeSync, fdatasyncSync, openSync, readFileSync, writeSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { createFolder } from '../test/rig/repository.ts'
import { median } from './statistics.ts'

/** What the numbers below were measured on. */
export async function describeMachine(): Promise<string> {
  const { stdout } = await promisify(execFile)('git', ['version'])
  const [load = 0] = loadavg()
  const facts = [
    `${new Date().toISOString().slice(0, 16)}Z`,
    `${cpus()[0]?.model ?? 'unknown processor'}, ${availableParallelism()} cores`,
    `${Math.round(totalmem() / 2 ** 30)} GB`,
    `${systemName()}, Linux ${release()}`,
    `Node ${process.version}`,
    `git ${stdout.trim().replace('git version ', '')}`,
    `fdatasync of 8 KB ${(await syncTime()).toFixed(2)} ms`,
  ]
  return `${facts.join(' · ')}\n\nLoad of the machine before the start: ${load.toFixed(2)}. Everything shares these cores: daemon, git servers, load generator.`
}

function systemName(): string {
  const [, name] = /^PRETTY_NAME="(.*)"$/m.exec(readFileSync('/etc/os-release', 'utf8')) ?? []
  return name ?? 'unknown system'
}

async function syncTime(): Promise<number> {
  await using folder = await createFolder()
  const file = openSync(join(folder.path, 'sync'), 'w')
  const block = Buffer.alloc(8192)
  const measured = Array.from({ length: 50 }, () => {
    const startedAt = performance.now()
    writeSync(file, block)
    fdatasyncSync(file)
    return performance.now() - startedAt
  })
  closeSync(file)
  return median(measured)
}
