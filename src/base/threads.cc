#include "base/threads.h"

namespace assay {

int available_threads() { return omp_get_num_procs(); }

}  // namespace assay
