import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    // Tests mostly wait for processes of their own.
    maxWorkers: 3,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // How long a busy machine may take until something shows.
    expect: { poll: { timeout: 20_000 } },
    teardownTimeout: 10_000,
    allowOnly: false,
  },
})
