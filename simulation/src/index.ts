export { type Outcome, runSeed } from './run.ts'
export { story } from './story.ts'
