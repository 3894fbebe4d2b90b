import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const BENCH = fileURLToPath(new URL('../bench/bench.ts', import.meta.url))
const run = promisify(execFile)

test('the bench measures every section in tiny sizes and prints its tables', async () => {
  const { stdout } = await run(process.execPath, [BENCH, '--quick'])

  expect(stdout.match(/^## \([a-e]\)/gm)).toEqual(['## (a)', '## (b)', '## (c)', '## (d)', '## (e)'])
  expect(stdout).toMatch(/^\| reposync: webhook sent until the ref is visible +\| +[\d.]+ ms \|/m)
  expect(stdout).toMatch(/^\| reposync, one repository +\| +\d+ \(/m)
  expect(stdout).not.toMatch(/NaN|undefined/)
}, 90_000)

test('the bench names the sections when it is asked for another one', async () => {
  const asked = run(process.execPath, [BENCH, 'x'])

  await expect(asked).rejects.toMatchObject({
    code: 1,
    stderr: 'bench: there is no section x; there are a b c d e\n',
  })
})
