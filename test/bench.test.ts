import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const BENCH = fileURLToPath(new URL('../bench/bench.ts', import.meta.url))
const run = promisify(execFile)

test('the bench measures every section in tiny sizes and prints its tables', async () => {
  const { stdout } = await run(process.execPath, [BENCH, '--quick'])

  expect(stdout.match(/^## \([a-h]\)/gm)).toEqual(Array.from('abcdefgh').map((letter) => `## (${letter})`))
  expect(stdout).toMatch(/^\| reposync: webhook sent until the ref is visible +\| +[\d.]+ ms \|/m)
  expect(stdout).toMatch(/^\| reposync, one repository +\| +\d+ \(/m)
  expect(stdout).toMatch(/^\| reposync, relayed +\| +\d+/m)
  expect(stdout).toMatch(/^\| 1 KB over SSH +\|/m)
  expect(stdout).toMatch(/^\| 6 bindings, nothing to do +\|/m)
  expect(stdout).not.toMatch(/NaN|undefined/)
}, 120_000)

test('the bench names the sections when it is asked for another one', async () => {
  const asked = run(process.execPath, [BENCH, 'x'])

  await expect(asked).rejects.toMatchObject({
    code: 1,
    stderr: 'bench: there is no section x; there are a b c d e f g h\n',
  })
})
