// What the demo says: numbered steps with the time each took, English first and Chinese beside it.

export type Narrator = {
  /** Does one step and prints its number, its time and what it showed; a step that fails says so and throws on. */
  readonly step: <Result>(
    title: string,
    chinese: string,
    work: (show: (fact: string) => void) => Promise<Result>,
  ) => Promise<Result>
  readonly say: (...lines: readonly string[]) => void
}

const INDENT = ' '.repeat(17)

export function createNarrator(signal: AbortSignal): Narrator {
  let number = 0
  return {
    step: async (title, chinese, work) => {
      signal.throwIfAborted()
      number += 1
      const facts: string[] = []
      const startedAt = performance.now()
      const print = (outcome: string): void => {
        console.log(`${`${number}.`.padStart(4)} ${outcome.padStart(8)}   ${title} · ${chinese}`)
        for (const fact of facts) console.log(`${INDENT}${fact}`)
      }
      try {
        const result = await work((fact) => facts.push(fact))
        print(milliseconds(performance.now() - startedAt))
        return result
      } catch (error) {
        if (!signal.aborted) print('FAILED')
        throw error
      }
    },
    say: (...lines) => console.log(lines.join('\n')),
  }
}

export function milliseconds(durationMs: number): string {
  return `${durationMs.toFixed(0)} ms`
}
