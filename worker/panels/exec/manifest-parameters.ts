import { z } from 'zod';
import { booleanText, integerText } from '../../panel/parameters.js';

const facts = {
  description: z.string().optional(),
  required: z.boolean().default(false),
  default: z.union([z.string(), z.number(), z.boolean()]).transform(String).optional(),
};

const typedSchema = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('string'),
    ...facts,
    maxLength: z.int().min(0).default(1024),
    pattern: z.string().refine(isPattern, 'must be a regular expression').optional(),
  }),
  z.strictObject({
    type: z.literal('integer'),
    ...facts,
    min: z.int().min(0).default(0),
    max: z.int().default(Number.MAX_SAFE_INTEGER),
  }),
  z.strictObject({ type: z.literal('boolean'), ...facts }),
  z.strictObject({ type: z.literal('enum'), ...facts, values: z.array(z.string()).min(1) }),
]);

/** What a client may say for one parameter. */
export type ParameterSchema = z.infer<typeof typedSchema>;

/** One parameter in panel.yaml. */
export const parameterSchema = typedSchema.superRefine((parameter, context) => {
  if (parameter.default === undefined) return;
  const { error } = textOfType(parameter).safeParse(parameter.default);
  for (const { message } of error?.issues ?? []) context.addIssue({ code: 'custom', path: ['default'], message });
});

/** Checks the parameters of a Hello and gives those with defaults; unknown ones are refused. */
export function parametersSchema(
  parameters: Readonly<Record<string, ParameterSchema>>,
): z.ZodType<Record<string, string>> {
  const shape = Object.fromEntries(Object.entries(parameters).map(([name, schema]) => [name, textOf(schema)]));
  return z
    .strictObject(shape)
    .transform((values) =>
      Object.fromEntries(
        Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
      ),
    );
}

function textOf(schema: ParameterSchema): z.ZodType<string | undefined> {
  const text = textOfType(schema);
  if (schema.default !== undefined) return text.default(schema.default);
  return schema.required ? text : text.optional();
}

function textOfType(schema: ParameterSchema): z.ZodType<string> {
  switch (schema.type) {
    case 'string': {
      const text = z.string().max(schema.maxLength);
      return schema.pattern === undefined
        ? text
        : text.regex(new RegExp(`^(?:${schema.pattern})$`), `must match ${schema.pattern}`);
    }
    case 'integer':
      return integerText(schema.min, schema.max).transform(String);
    case 'boolean':
      return booleanText.transform(String);
    case 'enum':
      return z.enum(schema.values);
  }
}

function isPattern(pattern: string): boolean {
  try {
    new RegExp(pattern);
    return true;
  } catch {
    return false;
  }
}
