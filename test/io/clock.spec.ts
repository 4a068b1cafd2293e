import { SystemClock } from '../../src/io/index.ts'
import { clockContract } from './contracts/clock.ts'
import { realTime } from './contracts/world.ts'

clockContract('system', async () => ({ ...realTime, clock: new SystemClock(), close: async () => {} }))
