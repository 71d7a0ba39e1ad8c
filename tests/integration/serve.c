/* Load a SavedModel without Python, as TensorFlow Serving does, and run it on lines of text.
 *
 *     serve FOLDER INPUT TEXT SCORE [LIBRARY...] < lines
 *
 * INPUT, TEXT and SCORE name the signature's tensors as "operation:index"; a LIBRARY provides
 * operations that are not part of TensorFlow. The program prints "score<TAB>text" for each line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensorflow/c/c_api.h"
#include "tensorflow/c/tf_tstring.h"

#define MAX_LINES 4096

static void check(const TF_Status *status, const char *what) {
  if (TF_GetCode(status) == TF_OK) return;
  fprintf(stderr, "%s: %s\n", what, TF_Message(status));
  exit(1);
}

static TF_Output find(TF_Graph *graph, char *name) {
  char *colon = strrchr(name, ':');
  int index = colon ? atoi(colon + 1) : 0;
  if (colon) *colon = '\0';
  TF_Operation *operation = TF_GraphOperationByName(graph, name);
  if (!operation) {
    fprintf(stderr, "no operation %s\n", name);
    exit(1);
  }
  return (TF_Output){operation, index};
}

static TF_Tensor *read_lines(void) {
  static char *lines[MAX_LINES];
  static size_t lengths[MAX_LINES];
  int64_t count = 0;
  char *line = NULL;
  size_t capacity = 0;
  for (ssize_t n; count < MAX_LINES && (n = getline(&line, &capacity, stdin)) >= 0; count++) {
    lengths[count] = (size_t)n - (n > 0 && line[n - 1] == '\n');
    lines[count] = malloc(lengths[count] + 1);
    memcpy(lines[count], line, lengths[count]);
  }
  TF_Tensor *tensor = TF_AllocateTensor(TF_STRING, &count, 1, (size_t)count * sizeof(TF_TString));
  TF_TString *strings = TF_TensorData(tensor);
  for (int64_t i = 0; i < count; i++) {
    TF_TString_Init(&strings[i]);
    TF_TString_Copy(&strings[i], lines[i], lengths[i]);
  }
  return tensor;
}

int main(int argc, char **argv) {
  if (argc < 5) {
    fprintf(stderr, "usage: serve FOLDER INPUT TEXT SCORE [LIBRARY...] < lines\n");
    return 2;
  }
  TF_Status *status = TF_NewStatus();
  for (int i = 5; i < argc; i++) {
    TF_LoadLibrary(argv[i], status);
    check(status, "library");
  }
  TF_Graph *graph = TF_NewGraph();
  TF_SessionOptions *options = TF_NewSessionOptions();
  const char *tags[] = {"serve"};
  TF_Session *session =
      TF_LoadSessionFromSavedModel(options, NULL, argv[1], tags, 1, graph, NULL, status);
  check(status, "load");

  TF_Output input = find(graph, argv[2]);
  TF_Output outputs[] = {find(graph, argv[3]), find(graph, argv[4])};
  TF_Tensor *lines = read_lines();
  TF_Tensor *results[2];
  TF_SessionRun(session, NULL, &input, &lines, 1, outputs, results, 2, NULL, 0, NULL, status);
  check(status, "run");

  const TF_TString *texts = TF_TensorData(results[0]);
  const float *scores = TF_TensorData(results[1]);
  for (int64_t i = 0; i < TF_Dim(results[0], 0); i++) {
    printf("%.6f\t%.*s\n", scores[i], (int)TF_TString_GetSize(&texts[i]),
           TF_TString_GetDataPointer(&texts[i]));
  }
  TF_CloseSession(session, status);
  TF_DeleteSession(session, status);
  TF_DeleteGraph(graph);
  return 0;
}
